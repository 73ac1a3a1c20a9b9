/* SPDX-License-Identifier: AGPL-3.0-only */
#include "fake.h"

struct outcome {
    unsigned count;
    enum wb_err err;
    unsigned status;
    unsigned retry_after_s;
    char reason[64];
    char text[WB_KUBE_ERR_CAP];
    char name[64];
    struct wb_kube **to_free;
};

static void done(void *ctx, const struct wb_kube_result *result)
{
    struct outcome *o = ctx;
    o->count++;
    o->err = result->err;
    o->status = result->status;
    o->retry_after_s = result->retry_after_s;
    snprintf(o->reason, sizeof o->reason, "%s", result->reason);
    snprintf(o->text, sizeof o->text, "%s", result->text);
    snprintf(o->name, sizeof o->name, "%s",
             wb_api_text_at(result->object, "", "metadata", "name", NULL));
    if (o->to_free != NULL) {
        wb_kube_free(*o->to_free);
        *o->to_free = NULL;
    }
}

#define OBJECT "{\"metadata\":{\"name\":\"d0\",\"resourceVersion\":\"5\"},\"spec\":{\"n\":1}}"

static void requests_are_what_kubernetes_expects(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    json_t *object = json_loads(OBJECT, 0, NULL);
    for (unsigned i = 0; i < 7; i++) {
        fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    }
    assert_int_not_equal(wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o), 0);
    WAIT_FOR(&fake, o.count == 1);
    wb_kube_list(kube, &wb_kube_devices, NULL, "a in (b,c)", "metadata.name=x", done, &o);
    WAIT_FOR(&fake, o.count == 2);
    wb_kube_create(kube, &wb_kube_events, "n", object, done, &o);
    WAIT_FOR(&fake, o.count == 3);
    wb_kube_update(kube, &wb_kube_devices, "n", "status", object, done, &o);
    WAIT_FOR(&fake, o.count == 4);
    wb_kube_patch(kube, &wb_kube_devices, "n", "d0", "status", object, done, &o);
    WAIT_FOR(&fake, o.count == 5);
    wb_kube_delete(kube, &wb_kube_namespaces, NULL, "n", done, &o);
    WAIT_FOR(&fake, o.count == 6);
    wb_kube_raw(kube, "GET", "/version", NULL, NULL, 0, done, &o);
    WAIT_FOR(&fake, o.count == 7);
    assert_ok(o.err);
    assert_string_equal(o.name, "d0");
    static const struct fake_request wanted[] = {
        {"GET", "/apis/wasmbed.github.io/v1/namespaces/n/devices/d0", "", "", ""},
        {"GET", "/apis/wasmbed.github.io/v1/devices",
         "labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%3Dx", "", ""},
        {"POST", "/api/v1/namespaces/n/events", "fieldManager=wasmbed-test", "application/json",
         ""},
        {"PUT", "/apis/wasmbed.github.io/v1/namespaces/n/devices/d0/status",
         "fieldManager=wasmbed-test", "application/json", ""},
        {"PATCH", "/apis/wasmbed.github.io/v1/namespaces/n/devices/d0/status",
         "fieldManager=wasmbed-test", "application/merge-patch+json", ""},
        {"DELETE", "/api/v1/namespaces/n", "", "", ""},
        {"GET", "/version", "", "", ""},
    };
    for (size_t i = 0; i < WB_ARRAY_LEN(wanted); i++) {
        assert_string_equal(fake.requests[i].method, wanted[i].method);
        assert_string_equal(fake.requests[i].path, wanted[i].path);
        assert_string_equal(fake.requests[i].query, wanted[i].query);
        if (wanted[i].type[0] != '\0') {
            assert_string_equal(fake.requests[i].type, wanted[i].type);
        }
    }
    json_decref(object);
    fake_close(&fake, kube);
}

static void refusals_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        struct fake_answer answer;
        enum wb_err err;
        const char *text;
    } cases[] = {
        {{.status = 401, .body = "{\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\"}"},
         WB_ERR_AUTH,
         "401 Unauthorized: Unauthorized (is the token"},
        {{.status = 403, .body = "{\"reason\":\"Forbidden\",\"message\":\"devices is forbidden\"}"},
         WB_ERR_AUTH,
         "/devices/d0: 403 Forbidden: devices is forbidden"},
        {{.status = 404, .body = "{\"reason\":\"NotFound\",\"message\":\"not found\"}"},
         WB_ERR_NOT_FOUND,
         "404"},
        {{.status = 409, .body = "{\"reason\":\"AlreadyExists\",\"message\":\"x\"}"},
         WB_ERR_EXISTS,
         "409"},
        {{.status = 409, .body = "{\"reason\":\"Conflict\",\"message\":\"x\"}"},
         WB_ERR_STATE,
         "409 Conflict"},
        {{.status = 422, .body = "{\"reason\":\"Invalid\",\"message\":\"spec.x: bad\"}"},
         WB_ERR_VALIDATION,
         "422 Invalid: spec.x: bad"},
        {{.status = 429, .body = "slow down", .header = "Retry-After", .value = "7"},
         WB_ERR_LIMIT,
         "429 Too Many Requests: slow down"},
        {{.status = 500, .body = "boom"}, WB_ERR_IO, "500 Internal Server Error: boom"},
        {{.status = 504, .body = "{}"}, WB_ERR_TIMEOUT, "504"},
        {{.status = 200, .body = "<html>"}, WB_ERR_FORMAT, "the answer is not JSON: <html>"},
        {{.status = 200, .body = "[1]"}, WB_ERR_FORMAT, "the answer is not JSON"},
        {{.status = 200, .body = ""}, WB_ERR_FORMAT, "the answer is not JSON"},
    };
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        struct outcome o = {0};
        fake_add(&fake, cases[i].answer);
        wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o);
        WAIT_FOR(&fake, o.count == 1);
        assert_err(cases[i].err, o.err);
        if (strstr(o.text, cases[i].text) == NULL ||
            strncmp(o.text, "http://127.0.0.1:", 17) != 0) {
            fail_msg("wanted %s, got %s", cases[i].text, o.text);
        }
        assert_int_equal(o.retry_after_s, cases[i].answer.header != NULL ? 7 : 0);
    }
    fake_close(&fake, kube);
}

static void absent_server_is_an_error_with_its_address(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    fake_shut(&fake);
    wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o);
    WAIT_FOR(&fake, o.count == 1);
    assert_err(WB_ERR_IO, o.err);
    assert_non_null(strstr(o.text, wb_kube_server(kube)));
    fake_close(&fake, kube);
}

static void apply_patches_what_exists(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    json_t *object = json_loads(OBJECT, 0, NULL);
    fake_add(&fake, (struct fake_answer){.status = 409, .body = "{\"reason\":\"AlreadyExists\"}"});
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    wb_kube_apply(kube, &wb_kube_devices, "n", object, done, &o);
    json_decref(object);
    WAIT_FOR(&fake, o.count == 1);
    assert_ok(o.err);
    assert_string_equal(fake.requests[1].method, "PATCH");
    assert_string_equal(fake.requests[1].body, "{\"metadata\":{},\"spec\":{\"n\":1}}");
    fake_close(&fake, kube);
}

static json_t *add_one(void *ctx, const json_t *current)
{
    (void)ctx;
    int64_t n = wb_api_integer_at(current, 0, "spec", "n", NULL);
    return n >= 3 ? NULL : json_pack("{s:{s:I}}", "spec", "n", (json_int_t)(n + 1));
}

static void modify_reads_again_after_a_conflict(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    fake_add(&fake, (struct fake_answer){.status = 409, .body = "{\"reason\":\"Conflict\"}"});
    fake_add(&fake, (struct fake_answer){
                        .status = 200,
                        .body = "{\"metadata\":{\"name\":\"d0\",\"resourceVersion\":\"9\"},"
                                "\"spec\":{\"n\":2}}"});
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    wb_kube_modify(kube, &wb_kube_devices, "n", "d0", "status", add_one, done, &o);
    WAIT_FOR(&fake, o.count == 1);
    assert_ok(o.err);
    assert_int_equal(fake.request_count, 4);
    assert_string_equal(fake.requests[1].body,
                        "{\"spec\":{\"n\":2},\"metadata\":{\"resourceVersion\":\"5\"}}");
    assert_string_equal(fake.requests[3].body,
                        "{\"spec\":{\"n\":3},\"metadata\":{\"resourceVersion\":\"9\"}}");
    assert_non_null(strstr(fake.requests[3].path, "/d0/status"));
    fake_close(&fake, kube);
}

static void modify_gives_up_after_five_conflicts(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    for (unsigned i = 0; i < 5; i++) {
        fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
        fake_add(&fake, (struct fake_answer){.status = 409, .body = "{\"reason\":\"Conflict\"}"});
    }
    wb_kube_modify(kube, &wb_kube_devices, "n", "d0", NULL, add_one, done, &o);
    WAIT_FOR(&fake, o.count == 1);
    assert_err(WB_ERR_STATE, o.err);
    assert_int_equal(fake.request_count, 10);
    fake_close(&fake, kube);
}

static void modify_stops_when_there_is_nothing_to_do(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    fake_add(&fake,
             (struct fake_answer){.status = 200,
                                  .body = "{\"metadata\":{\"name\":\"d0\"},\"spec\":{\"n\":3}}"});
    wb_kube_modify(kube, &wb_kube_devices, "n", "d0", NULL, add_one, done, &o);
    WAIT_FOR(&fake, o.count == 1);
    assert_ok(o.err);
    assert_int_equal(fake.request_count, 1);
    fake_close(&fake, kube);
}

static void cancelled_requests_stay_silent(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome cancelled = {0};
    struct outcome o = {0};
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    wb_kube_call call = wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &cancelled);
    wb_kube_cancel(kube, call);
    wb_kube_cancel(kube, call);
    wb_kube_cancel(kube, 12345);
    wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o);
    WAIT_FOR(&fake, o.count == 1);
    assert_int_equal(cancelled.count, 0);
    fake_close(&fake, kube);
}

static void client_may_be_freed_in_a_callback(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {.to_free = &kube};
    struct outcome other = {0};
    fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o);
    wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &other); /* never answered */
    WAIT_FOR(&fake, o.count == 1);
    assert_int_equal(other.count, 0);
    assert_null(kube);
    fake_close(&fake, kube);
}

static void equal_events_become_a_count(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct outcome o = {0};
    json_t *object = json_loads("{\"apiVersion\":\"wasmbed.github.io/v1\",\"kind\":\"Device\","
                                "\"metadata\":{\"name\":\"d0\",\"namespace\":\"n\",\"uid\":\"u\"}}",
                                0, NULL);
    struct wb_kube_recorder *recorder = wb_kube_recorder_new(kube, "test", NULL);
    for (unsigned i = 0; i < 40; i++) {
        fake_add(&fake, (struct fake_answer){.status = 200, .body = OBJECT});
    }
    for (unsigned i = 0; i < 40; i++) { /* over the burst of 25: the rest is dropped */
        wb_kube_event(recorder, object, true, "Failed", i == 0 ? "other" : "trap");
    }
    wb_kube_get(kube, &wb_kube_devices, "n", "d0", done, &o);
    WAIT_FOR(&fake, o.count == 1 && fake.request_count >= 26);
    assert_int_equal(fake.request_count, 26);
    unsigned creates = 0;
    unsigned patches = 0;
    for (unsigned i = 0; i < fake.request_count; i++) {
        creates += strcmp(fake.requests[i].method, "POST") == 0;
        patches += strcmp(fake.requests[i].method, "PATCH") == 0;
    }
    assert_int_equal(creates, 2);
    assert_int_equal(patches, 23);
    wb_kube_recorder_free(recorder);
    json_decref(object);
    fake_close(&fake, kube);
}

static void backoff_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    struct wb_kube_backoff backoff = {.min_ms = 100, .max_ms = 1000, .random = 1};
    wb_ms floor[] = {100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < WB_ARRAY_LEN(floor); i++) {
        wb_ms pause = wb_kube_backoff_next(&backoff);
        assert_true(pause >= floor[i] && pause <= floor[i] * 3 / 2);
    }
    wb_kube_backoff_reset(&backoff);
    assert_true(wb_kube_backoff_next(&backoff) <= 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_what_kubernetes_expects),
        cmocka_unit_test(refusals_are_told_apart),
        cmocka_unit_test(absent_server_is_an_error_with_its_address),
        cmocka_unit_test(apply_patches_what_exists),
        cmocka_unit_test(modify_reads_again_after_a_conflict),
        cmocka_unit_test(modify_gives_up_after_five_conflicts),
        cmocka_unit_test(modify_stops_when_there_is_nothing_to_do),
        cmocka_unit_test(cancelled_requests_stay_silent),
        cmocka_unit_test(client_may_be_freed_in_a_callback),
        cmocka_unit_test(equal_events_become_a_count),
        cmocka_unit_test(backoff_doubles_up_to_its_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
