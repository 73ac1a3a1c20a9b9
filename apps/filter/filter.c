/* SPDX-License-Identifier: AGPL-3.0-only */
/* filter: cleans a sensor's readings. A reactor with state: for each reading on sensor/raw it takes
 * the median of the last five (which drops single spikes), averages the last eight medians (which
 * smooths), and publishes the result on sensor/filtered. A timer logs what it did. Messages are one
 * signed 32-bit little-endian number. config.env  REPORT_MS (default: 5000)
 */
#include "wasmbed.h"

#define MEDIAN_OF  5
#define AVERAGE_OF 8

static const char raw_topic[] = "sensor/raw";
static const char filtered_topic[] = "sensor/filtered";

static int32_t readings[MEDIAN_OF];
static int32_t medians[AVERAGE_OF];
static int32_t sum;
static uint32_t count;    /* readings so far */
static uint32_t reported; /* readings when the timer last reported */
static uint32_t unsent;   /* results that could not be published */
static int32_t last_raw;
static int32_t last_filtered;

WASMBED_EXPORT("_initialize") void filter_initialize(void);
WASMBED_EXPORT("on_message") void on_message(int32_t subscription, int32_t length);
WASMBED_EXPORT("on_timer") void on_timer(int32_t id);

/* The middle one of the newest readings; of an even number the lower middle one. */
static int32_t median(uint32_t n)
{
    int32_t sorted[MEDIAN_OF];

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;

        for (; at > 0 && sorted[at - 1] > readings[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = readings[i];
    }
    return sorted[(n - 1) / 2];
}

static int32_t filter(int32_t reading)
{
    uint32_t n = count + 1 < MEDIAN_OF ? count + 1 : MEDIAN_OF;
    uint32_t averaged = count + 1 < AVERAGE_OF ? count + 1 : AVERAGE_OF;
    uint32_t at = count % AVERAGE_OF;
    int32_t middle;

    readings[count % MEDIAN_OF] = reading;
    middle = median(n);
    sum -= medians[at];
    medians[at] = middle;
    sum += middle;
    count++;
    return sum / (int32_t)averaged;
}

void filter_initialize(void)
{
    int32_t report_ms = wasmbed_env_i32("REPORT_MS", 5000);

    wasmbed_timer_set(0, report_ms < 100 ? 100 : report_ms);
    if (wasmbed_subscribe(raw_topic, sizeof(raw_topic) - 1) < 0) {
        wasmbed_print(WASMBED_ERROR, "cannot subscribe to sensor/raw");
    } else {
        wasmbed_print(WASMBED_INFO, "filtering sensor/raw: median of 5, mean of 8");
    }
}

void on_message(int32_t subscription, int32_t length)
{
    uint8_t bytes[4];

    (void)subscription;
    if (length != 4 || wasmbed_receive(bytes, sizeof(bytes)) != 4) {
        wasmbed_print(WASMBED_WARNING, "a message on sensor/raw has not 4 bytes; dropped");
        return;
    }
    last_raw = (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                         (uint32_t)bytes[3] << 24);
    /* Eight readings of 28 bits never overflow the sum. */
    if (last_raw > 0x07ffffff || last_raw < -0x07ffffff) {
        wasmbed_print(WASMBED_WARNING, "a reading is beyond 28 bits; dropped");
        return;
    }
    last_filtered = filter(last_raw);
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)((uint32_t)last_filtered >> (8 * i));
    }
    if (wasmbed_publish(filtered_topic, sizeof(filtered_topic) - 1, bytes, sizeof(bytes)) != 0) {
        unsent++;
    }
}

void on_timer(int32_t id)
{
    char line[96];
    size_t at = 0;

    (void)id;
    at = wasmbed_text_add_i32(line, sizeof(line), at, (int32_t)(count - reported));
    at = wasmbed_text_add(line, sizeof(line), at, " readings, raw ");
    at = wasmbed_text_add_i32(line, sizeof(line), at, last_raw);
    at = wasmbed_text_add(line, sizeof(line), at, ", filtered ");
    at = wasmbed_text_add_i32(line, sizeof(line), at, last_filtered);
    if (unsent != 0) {
        at = wasmbed_text_add(line, sizeof(line), at, ", unsent ");
        at = wasmbed_text_add_i32(line, sizeof(line), at, (int32_t)unsent);
    }
    reported = count;
    wasmbed_log(WASMBED_INFO, line, at);
}
