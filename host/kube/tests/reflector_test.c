/* SPDX-License-Identifier: AGPL-3.0-only */
#include "fake.h"

struct seen {
    char log[2048]; /* "+a ~a -b ! ok sync " in the order in which it was told */
    unsigned troubles;
    char text[WB_KUBE_ERR_CAP];
    struct wb_kube_reflector *reflector;
    bool free_on_change;
};

static void note(struct seen *seen, const char *mark, const char *name)
{
    size_t len = strlen(seen->log);
    snprintf(seen->log + len, sizeof seen->log - len, "%s%s ", mark, name);
}

static void changed(void *ctx, enum wb_kube_change change, const json_t *object, const json_t *old)
{
    struct seen *seen = ctx;
    assert_true((old == NULL) == (change == WB_KUBE_ADDED));
    note(seen,
         change == WB_KUBE_ADDED      ? "+"
         : change == WB_KUBE_MODIFIED ? "~"
                                      : "-",
         wb_api_text_at(object, "?", "metadata", "name", NULL));
    if (seen->free_on_change) {
        wb_kube_reflector_free(seen->reflector);
        seen->reflector = NULL;
    }
}

static void synced(void *ctx)
{
    note(ctx, "sync", "");
}

static void trouble(void *ctx, const char *text, wb_ms retry_ms)
{
    struct seen *seen = ctx;
    note(seen, text != NULL ? "!" : "ok", "");
    seen->troubles++;
    snprintf(seen->text, sizeof seen->text, "%s", text != NULL ? text : "");
    assert_true((text != NULL) == (retry_ms > 0));
}

static void start(struct seen *seen, struct wb_kube *kube, size_t object_max)
{
    memset(seen, 0, sizeof *seen);
    seen->reflector =
        wb_kube_reflector_new(kube, &(struct wb_kube_reflector_cfg){.resource = &wb_kube_devices,
                                                                    .namespace = "n",
                                                                    .label_selector = "a=b",
                                                                    .object_max = object_max,
                                                                    .retry_min_ms = 20,
                                                                    .retry_max_ms = 200,
                                                                    .changed = changed,
                                                                    .synced = synced,
                                                                    .trouble = trouble,
                                                                    .ctx = seen});
    assert_non_null(seen->reflector);
}

static void stop(struct fake *fake, struct wb_kube *kube, struct seen *seen)
{
    wb_kube_reflector_free(seen->reflector);
    fake_close(fake, kube);
}

#define OBJ(name, rv)                                                                              \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"resourceVersion\":\"" rv "\"}}"
#define LIST_OF(rv, items)  "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define STREAM(lines)       ((struct fake_answer){.status = 200, .body = lines, .is_stream = true})
#define ANSWER(code, text)  ((struct fake_answer){.status = code, .body = text})

static bool has_log(const struct seen *seen, const char *end)
{
    size_t len = strlen(seen->log);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(seen->log + len - end_len, end) == 0;
}

static void list_and_watch_fill_the_cache(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, "{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"p&2\"},"
                                "\"items\":[" OBJ("a", "1") "]}"));
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("b", "2"))));
    fake_add(&fake, STREAM(EVENT("ADDED", OBJ("c", "11")) EVENT("MODIFIED", OBJ("a", "12"))
                               EVENT("DELETED", OBJ("b", "13"))));
    start(&seen, kube, 0);
    assert_false(wb_kube_reflector_is_synced(seen.reflector));
    WAIT_FOR(&fake, has_log(&seen, "-b "));
    assert_string_equal(seen.log, "+a +b sync +c ~a -b ");
    assert_true(wb_kube_reflector_is_synced(seen.reflector));
    assert_int_equal(wb_kube_reflector_count(seen.reflector), 2);
    json_t *a = wb_kube_reflector_find(seen.reflector, "n", "a");
    assert_string_equal(wb_api_text_at(a, "", "metadata", "resourceVersion", NULL), "12");
    json_t *c = wb_kube_reflector_find(seen.reflector, "n", "c");
    assert_non_null(c);
    assert_null(wb_kube_reflector_find(seen.reflector, "n", "b"));
    assert_null(wb_kube_reflector_find(seen.reflector, NULL, "a"));
    size_t cursor = 0;
    unsigned count = 0;
    while (wb_kube_reflector_next(seen.reflector, &cursor) != NULL) {
        count++;
    }
    assert_int_equal(count, 2);
    assert_string_equal(fake.requests[0].path, "/apis/wasmbed.github.io/v1/namespaces/n/devices");
    assert_string_equal(fake.requests[0].query, "labelSelector=a%3Db&limit=500");
    assert_string_equal(fake.requests[1].query, "labelSelector=a%3Db&limit=500&continue=p%262");
    assert_non_null(strstr(fake.requests[2].query, "watch=true&allowWatchBookmarks=true&"
                                                   "resourceVersion=10&timeoutSeconds="));
    stop(&fake, kube, &seen);
}

static void ended_watch_goes_on_from_the_last_bookmark(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, LIST_OF("10", "")));
    fake_add(&fake,
             (struct fake_answer){.status = 200,
                                  .is_stream = true,
                                  .ends = true,
                                  .body = EVENT("ADDED", OBJ("a", "11")) EVENT(
                                      "BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"20\"}}")});
    fake_add(&fake, STREAM(EVENT("NEWER", OBJ("z", "21")) EVENT("ADDED", OBJ("b", "22"))));
    start(&seen, kube, 0);
    WAIT_FOR(&fake, has_log(&seen, "+b "));
    assert_string_equal(seen.log, "sync +a +b ");
    assert_non_null(strstr(fake.requests[2].query, "resourceVersion=20"));
    stop(&fake, kube, &seen);
}

static void expired_version_leads_to_a_list_that_tells_differences_only(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1") "," OBJ("b", "2") "," OBJ("c", "3"))));
    fake_add(&fake, STREAM(EVENT("ERROR", "{\"code\":410,\"reason\":\"Expired\",\"message\":"
                                          "\"too old resource version\"}")));
    fake_add(&fake,
             ANSWER(200, LIST_OF("30", OBJ("a", "1") "," OBJ("c", "25") "," OBJ("d", "26"))));
    fake_add(&fake, STREAM(""));
    start(&seen, kube, 0);
    WAIT_FOR(&fake, has_log(&seen, "+d "));
    assert_string_equal(seen.log, "+a +b +c sync ! ok -b ~c +d ");
    WAIT_FOR(&fake, fake.request_count == 4);
    assert_non_null(strstr(fake.requests[3].query, "resourceVersion=30"));
    stop(&fake, kube, &seen);
}

static void gone_as_status_or_between_pages_starts_over(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, "{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"p\"},"
                                "\"items\":[" OBJ("x", "1") "]}"));
    fake_add(&fake, ANSWER(410, "{\"reason\":\"Expired\",\"message\":\"continue is too old\"}"));
    fake_add(&fake, ANSWER(200, LIST_OF("11", OBJ("a", "1"))));
    fake_add(&fake, ANSWER(410, "{\"reason\":\"Expired\",\"message\":\"too old\"}"));
    fake_add(&fake, ANSWER(200, LIST_OF("12", OBJ("a", "1"))));
    fake_add(&fake, STREAM(EVENT("ADDED", OBJ("b", "13"))));
    start(&seen, kube, 0);
    WAIT_FOR(&fake, has_log(&seen, "+b "));
    assert_string_equal(seen.log, "! ok +a sync ! ok +b ");
    assert_null(strstr(fake.requests[2].query, "continue"));
    stop(&fake, kube, &seen);
}

static void dropped_connection_and_restarted_server_are_survived(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1"))));
    fake_add(&fake, STREAM(EVENT("ADDED", OBJ("b", "11"))));
    start(&seen, kube, 0);
    WAIT_FOR(&fake, has_log(&seen, "+b "));
    uint16_t port = fake.port;
    fake_shut(&fake); /* the watch breaks; nobody listens */
    WAIT_FOR(&fake, has_log(&seen, "! "));
    unsigned troubles = seen.troubles;
    WAIT_FOR(&fake, wb_kube_reflector_stats(seen.reflector).errors >= 3);
    assert_int_equal(wb_kube_reflector_count(seen.reflector), 2);
    fake_add(&fake, ANSWER(200, LIST_OF("50", OBJ("b", "11") "," OBJ("c", "12"))));
    fake_add(&fake, STREAM(""));
    fake_listen(&fake, port);
    WAIT_FOR(&fake, has_log(&seen, "+c "));
    assert_true(has_log(&seen, "ok -a +c "));
    assert_true(seen.troubles <= troubles + 3);
    stop(&fake, kube, &seen);
}

static void refusals_and_garbage_are_told_and_tried_again(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(401, "{\"message\":\"Unauthorized\"}"));
    fake_add(&fake, ANSWER(401, "{\"message\":\"Unauthorized\"}")); /* told once */
    fake_add(&fake, ANSWER(200, "<html>"));
    fake_add(&fake, ANSWER(200, "{\"items\":[{}]}"));
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1"))));
    fake_add(&fake, STREAM("nonsense\n"));
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1"))));
    fake_add(&fake, STREAM("\n" EVENT("ADDED", OBJ("b", "11"))));
    start(&seen, kube, 0);
    WAIT_FOR(&fake, has_log(&seen, "! "));
    assert_non_null(strstr(seen.text, "401 Unauthorized"));
    wb_net_timer_start(fake.alarm, 20000, 0);
    WAIT_FOR(&fake, has_log(&seen, "+b "));
    assert_string_equal(seen.log, "! ok ! ok ! ok +a sync ! ok +b ");
    stop(&fake, kube, &seen);
}

static void cache_is_bounded(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1") "," OBJ("b", "1"))));
    fake_add(&fake, ANSWER(200, LIST_OF("10", OBJ("a", "1"))));
    fake_add(&fake, STREAM(EVENT("ADDED", OBJ("b", "11"))));
    start(&seen, kube, 1);
    WAIT_FOR(&fake, has_log(&seen, "! "));
    assert_non_null(strstr(seen.text, "more objects than this program's limit"));
    WAIT_FOR(&fake, has_log(&seen, "+a sync ! "));
    assert_int_equal(wb_kube_reflector_count(seen.reflector), 1);
    stop(&fake, kube, &seen);
}

static void reflector_may_be_freed_in_its_callback(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    for (unsigned in_watch = 0; in_watch < 2; in_watch++) {
        struct seen seen;
        fake_add(&fake, ANSWER(200, in_watch ? LIST_OF("1", "")
                                             : LIST_OF("1", OBJ("a", "1") "," OBJ("b", "1"))));
        fake_add(&fake, STREAM(EVENT("ADDED", OBJ("a", "2")) EVENT("ADDED", OBJ("b", "3"))));
        start(&seen, kube, 0);
        seen.free_on_change = true;
        WAIT_FOR(&fake, seen.reflector == NULL);
        assert_true(has_log(&seen, "+a "));
        fake.answered = fake.answer_count;
    }
    fake_close(&fake, kube);
}

static void watch_that_ends_at_once_is_not_repeated_without_pause(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    for (unsigned i = 0; i < 4; i++) {
        fake_add(&fake, ANSWER(200, LIST_OF("1", "")));
        fake_add(&fake,
                 (struct fake_answer){.status = 200, .is_stream = true, .ends = true, .body = ""});
    }
    start(&seen, kube, 0);
    wb_ms begin = wb_net_now_ms(fake.loop);
    WAIT_FOR(&fake, fake.answered == 7);
    assert_true(wb_net_now_ms(fake.loop) - begin >= 20 + 40 + 80 - 10);
    assert_non_null(strstr(seen.log, "! "));
    stop(&fake, kube, &seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_and_watch_fill_the_cache),
        cmocka_unit_test(ended_watch_goes_on_from_the_last_bookmark),
        cmocka_unit_test(expired_version_leads_to_a_list_that_tells_differences_only),
        cmocka_unit_test(gone_as_status_or_between_pages_starts_over),
        cmocka_unit_test(dropped_connection_and_restarted_server_are_survived),
        cmocka_unit_test(refusals_and_garbage_are_told_and_tried_again),
        cmocka_unit_test(cache_is_bounded),
        cmocka_unit_test(reflector_may_be_freed_in_its_callback),
        cmocka_unit_test(watch_that_ends_at_once_is_not_repeated_without_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
