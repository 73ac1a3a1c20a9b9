/* SPDX-License-Identifier: AGPL-3.0-only */
/* conditions.c: conditions, and the phases that summarise them. */
#include <string.h>

#include "wb_api.h"

static const char *const status_words[] = {"Unknown", "True", "False"};

const json_t *wb_api_condition_find(const json_t *conditions, const char *type)
{
    size_t index;
    json_t *condition;
    json_array_foreach(conditions, index, condition)
    {
        if (strcmp(wb_api_text_at(condition, "", "type", NULL), type) == 0) {
            return condition;
        }
    }
    return NULL;
}

bool wb_api_condition_is(const json_t *conditions, const char *type,
                         enum wb_api_condition_status status)
{
    const json_t *condition = wb_api_condition_find(conditions, type);
    return condition != NULL &&
           strcmp(wb_api_text_at(condition, "", "status", NULL), status_words[status]) == 0;
}

bool wb_api_condition_set(json_t *conditions, const struct wb_api_condition *condition,
                          int64_t observed_generation, wb_unix_s now)
{
    json_t *found = (json_t *)wb_api_condition_find(conditions, condition->type);
    json_t *message = json_stringn(
        condition->message, wb_api_text_cut(condition->message, WB_API_CONDITION_MESSAGE_MAX));
    if (message == NULL) { /* no UTF-8: foreign text that slipped through */
        message = json_string("(message is not text)");
    }
    const char *status = status_words[condition->status];
    bool flips = found == NULL || strcmp(wb_api_text_at(found, "", "status", NULL), status) != 0;
    bool same = !flips &&
                strcmp(wb_api_text_at(found, "", "reason", NULL), condition->reason) == 0 &&
                json_equal(json_object_get(found, "message"), message) &&
                wb_api_integer_at(found, -1, "observedGeneration", NULL) == observed_generation;
    if (same) {
        json_decref(message);
        return false;
    }
    if (found == NULL) {
        found = json_pack("{s:s}", "type", condition->type);
        json_array_append_new(conditions, found);
    }
    json_object_set_new(found, "status", json_string(status));
    json_object_set_new(found, "observedGeneration", json_integer(observed_generation));
    if (flips) {
        char text[WB_API_TIME_CAP];
        wb_api_time_write(now, text);
        json_object_set_new(found, "lastTransitionTime", json_string(text));
    }
    json_object_set_new(found, "reason", json_string(condition->reason));
    json_object_set_new(found, "message", message);
    return true;
}

/* ---- phases ---------------------------------------------------------------------------------- */

#define WORD_OF(name, text) text,
static const char *const device_words[] = {"", WB_API_DEVICE_PHASE_LIST(WORD_OF)};
static const char *const application_words[] = {"", WB_API_APPLICATION_PHASE_LIST(WORD_OF)};
static const char *const run_words[] = {"", WB_API_RUN_PHASE_LIST(WORD_OF)};
#undef WORD_OF

static unsigned find_word(const char *const *words, unsigned count, const char *text)
{
    for (unsigned i = 1; i < count && text != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    return 0;
}

const char *wb_api_device_phase_str(enum wb_api_device_phase phase)
{
    return device_words[phase];
}

enum wb_api_device_phase wb_api_device_phase_read(const char *text)
{
    return (enum wb_api_device_phase)find_word(device_words, WB_ARRAY_LEN(device_words), text);
}

const char *wb_api_application_phase_str(enum wb_api_application_phase phase)
{
    return application_words[phase];
}

enum wb_api_application_phase wb_api_application_phase_read(const char *text)
{
    return (enum wb_api_application_phase)find_word(application_words,
                                                    WB_ARRAY_LEN(application_words), text);
}

const char *wb_api_run_phase_str(enum wb_api_run_phase phase)
{
    return run_words[phase];
}

enum wb_api_run_phase wb_api_run_phase_read(const char *text)
{
    return (enum wb_api_run_phase)find_word(run_words, WB_ARRAY_LEN(run_words), text);
}

enum wb_api_application_phase wb_api_application_phase_derive(bool is_accepted,
                                                              const struct wb_api_counts *counts)
{
    if (counts->running > 0) { /* the previous version goes on running when a new one is refused */
        return counts->running >= counts->target ? WB_API_APPLICATION_RUNNING
                                                 : WB_API_APPLICATION_PARTIALLY_RUNNING;
    }
    if (!is_accepted) {
        return WB_API_APPLICATION_FAILED;
    }
    if (counts->target == 0) {
        return WB_API_APPLICATION_PENDING;
    }
    if (counts->stopped >= counts->target) {
        return WB_API_APPLICATION_STOPPED;
    }
    if (counts->failed + counts->stopped >= counts->target) {
        return WB_API_APPLICATION_FAILED;
    }
    return WB_API_APPLICATION_DEPLOYING;
}
