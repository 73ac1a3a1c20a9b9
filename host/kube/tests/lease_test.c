/* SPDX-License-Identifier: AGPL-3.0-only */
#include "fake.h"

struct seen {
    char log[256];
    char text[WB_KUBE_ERR_CAP];
};

static void held(void *ctx, bool is_held)
{
    strcat(((struct seen *)ctx)->log, is_held ? "held " : "lost ");
}

static void trouble(void *ctx, const char *text)
{
    snprintf(((struct seen *)ctx)->text, WB_KUBE_ERR_CAP, "%s", text);
}

static struct wb_kube_lease *start(struct wb_kube *kube, struct seen *seen, bool is_exclusive)
{
    memset(seen, 0, sizeof *seen);
    return wb_kube_lease_new(kube, &(struct wb_kube_lease_cfg){.namespace = "n",
                                                               .name = "l",
                                                               .holder = "me",
                                                               .renew_ms = 100,
                                                               .retry_ms = 20,
                                                               .is_exclusive = is_exclusive,
                                                               .held = held,
                                                               .trouble = trouble,
                                                               .ctx = seen});
}

#define LEASE(holder, seconds, renewed)                                                            \
    "{\"metadata\":{\"name\":\"l\",\"resourceVersion\":\"3\"},\"spec\":{\"holderIdentity\":"       \
    "\"" holder "\",\"leaseDurationSeconds\":" seconds ",\"renewTime\":\"" renewed                 \
    "\",\"leaseTransitions\":4}}"
#define OK(text)           ((struct fake_answer){.status = 200, .body = text})
#define STATUS(code, text) ((struct fake_answer){.status = code, .body = text})

static void absent_lease_is_created_and_renewed(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, STATUS(404, "{\"reason\":\"NotFound\"}"));
    fake_add(&fake, STATUS(201, LEASE("me", "15", "a")));
    fake_add(&fake, OK(LEASE("me", "15", "a")));
    fake_add(&fake, OK(LEASE("me", "15", "b")));
    struct wb_kube_lease *lease = start(kube, &seen, false);
    WAIT_FOR(&fake, fake.request_count == 4);
    assert_string_equal(seen.log, "held ");
    assert_true(wb_kube_lease_is_held(lease));
    assert_string_equal(fake.requests[0].path,
                        "/apis/coordination.k8s.io/v1/namespaces/n/leases/l");
    assert_string_equal(fake.requests[1].method, "POST");
    assert_non_null(strstr(fake.requests[1].body, "\"leaseDurationSeconds\":40"));
    assert_string_equal(fake.requests[3].method, "PUT");
    assert_non_null(strstr(fake.requests[3].body, "\"resourceVersion\":\"3\""));
    assert_non_null(strstr(fake.requests[3].body, "\"leaseTransitions\":4"));
    wb_kube_lease_free(lease);
    fake_close(&fake, kube);
}

static void anothers_lease_is_taken_only_when_it_expired(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    /* the clock in it is years old: only a second without a renewal that we saw counts */
    fake_add(&fake, OK(LEASE("other", "1", "2001-01-01T00:00:00.000000Z")));
    for (unsigned i = 0; i < 60; i++) {
        fake_add(&fake, OK(LEASE("other", "1", "2001-01-01T00:00:01.000000Z")));
    }
    struct wb_kube_lease *lease = start(kube, &seen, true);
    wb_ms begin = wb_net_now_ms(fake.loop);
    WAIT_FOR(&fake, fake.request_count > 0 &&
                        strcmp(fake.requests[fake.request_count - 1].method, "PUT") == 0);
    assert_true(wb_net_now_ms(fake.loop) - begin >= 1000);
    assert_non_null(strstr(fake.requests[fake.request_count - 1].body, "\"leaseTransitions\":5"));
    WAIT_FOR(&fake, seen.log[0] != '\0');
    assert_string_equal(seen.log, "held ");
    wb_kube_lease_free(lease);
    fake_close(&fake, kube);
}

static void faster_rival_wins_quietly(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, STATUS(404, "{\"reason\":\"NotFound\"}"));
    fake_add(&fake, STATUS(409, "{\"reason\":\"AlreadyExists\"}"));
    fake_add(&fake, OK(LEASE("", "15", "a")));
    fake_add(&fake, STATUS(409, "{\"reason\":\"Conflict\"}"));
    fake_add(&fake, OK(LEASE("other", "15", "a")));
    struct wb_kube_lease *lease = start(kube, &seen, true);
    WAIT_FOR(&fake, fake.request_count == 6);
    assert_string_equal(seen.log, "");
    assert_string_equal(seen.text, "");
    wb_kube_lease_free(lease);
    fake_close(&fake, kube);
}

static void leader_without_contact_gives_up(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, STATUS(404, "{}"));
    fake_add(&fake, STATUS(201, LEASE("me", "15", "a")));
    for (unsigned i = 0; i < 20; i++) {
        fake_add(&fake, STATUS(500, "boom"));
    }
    struct wb_kube_lease *lease = start(kube, &seen, true);
    WAIT_FOR(&fake, strcmp(seen.log, "held lost ") == 0);
    assert_non_null(strstr(seen.text, "500 Internal Server Error: boom"));
    wb_kube_lease_free(lease);
    fake_close(&fake, kube);
}

static void released_lease_has_no_holder(void **state)
{
    (void)state;
    struct fake fake;
    struct wb_kube *kube = fake_open(&fake);
    struct seen seen;
    fake_add(&fake, OK(LEASE("me", "15", "a")));
    fake_add(&fake, OK(LEASE("me", "15", "a")));
    fake_add(&fake, OK(LEASE("", "1", "a")));
    struct wb_kube_lease *lease = start(kube, &seen, true);
    WAIT_FOR(&fake, wb_kube_lease_is_held(lease));
    wb_kube_lease_release(lease);
    wb_kube_lease_free(lease);
    WAIT_FOR(&fake, fake.request_count == 3);
    assert_string_equal(fake.requests[2].method, "PATCH");
    assert_non_null(strstr(fake.requests[2].body, "\"holderIdentity\":\"\""));
    fake_close(&fake, kube);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_lease_is_created_and_renewed),
        cmocka_unit_test(anothers_lease_is_taken_only_when_it_expired),
        cmocka_unit_test(faster_rival_wins_quietly),
        cmocka_unit_test(leader_without_contact_gives_up),
        cmocka_unit_test(released_lease_has_no_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
