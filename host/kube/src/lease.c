/* SPDX-License-Identifier: AGPL-3.0-only */
/* lease.c: Leases: leadership and liveness.
 *
 *     timer ──> GET ──404──> POST ─┐
 *                │                 ├─> held, timer again   (409: somebody was faster: timer again)
 *                └──ours or free─> PUT ─┘
 *
 * Whether another holder's lease has expired is judged by our own clock, from the moment that we
 * saw it renewed: clocks of different machines are never compared. Two timers of client-go's
 * election: a holder that could not renew for renew_ms gives up, which is before others may take
 * over at duration_s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

struct wb_kube_lease {
    struct wb_kube *kube;
    struct wb_kube_lease_cfg cfg; /* texts are copies */
    struct wb_net_timer *timer;
    wb_kube_call call;
    json_t *current;  /* as read last */
    char seen[400];   /* holder and renewTime as seen last */
    wb_ms seen_at;    /* when that changed */
    wb_ms renewed_at; /* our last success */
    bool is_held;
    bool is_releasing;
};

static void start(void *ctx);

static void again(struct wb_kube_lease *lease, bool was_ok)
{
    wb_ms pause = was_ok && !lease->cfg.is_exclusive ? lease->cfg.renew_ms : lease->cfg.retry_ms;
    wb_net_timer_start(lease->timer, pause, 0);
}

/* Last: the callback may free the lease. */
static void set_held(struct wb_kube_lease *lease, bool is_held)
{
    if (lease->is_held != is_held) {
        lease->is_held = is_held;
        if (lease->cfg.held != NULL) {
            lease->cfg.held(lease->cfg.ctx, is_held);
        }
    }
}

static void failed(struct wb_kube_lease *lease, const char *text)
{
    wb_ms now = wb_net_now_ms(lease->kube->loop);
    bool is_lost =
        lease->is_held && lease->cfg.is_exclusive && now - lease->renewed_at >= lease->cfg.renew_ms;
    again(lease, false);
    if (text != NULL && lease->cfg.trouble != NULL) {
        lease->cfg.trouble(lease->cfg.ctx, text);
    }
    if (is_lost) {
        set_held(lease, false);
    }
}

static json_t *lease_object(const struct wb_kube_lease *lease)
{
    char now[WB_API_TIME_CAP];
    wb_api_time_write_micro((int64_t)wb_net_unix_us(), now);
    const json_t *spec = json_object_get(lease->current, "spec");
    bool was_ours =
        strcmp(wb_api_text_at(spec, "", "holderIdentity", NULL), lease->cfg.holder) == 0;
    json_t *acquired = was_ours ? json_incref(json_object_get(spec, "acquireTime")) : NULL;
    int64_t transitions = wb_api_integer_at(spec, 0, "leaseTransitions", NULL);
    json_t *meta = lease->current != NULL ? json_incref(json_object_get(lease->current, "metadata"))
                                          : json_pack("{s:s, s:s}", "name", lease->cfg.name,
                                                      "namespace", lease->cfg.namespace);
    return json_pack("{s:s, s:s, s:o, s:{s:s, s:i, s:o, s:s, s:I}}", "apiVersion",
                     "coordination.k8s.io/v1", "kind", "Lease", "metadata", meta, "spec",
                     "holderIdentity", lease->is_releasing ? "" : lease->cfg.holder,
                     "leaseDurationSeconds", lease->is_releasing ? 1 : (int)lease->cfg.duration_s,
                     "acquireTime", acquired != NULL ? acquired : json_string(now), "renewTime",
                     now, "leaseTransitions",
                     (json_int_t)(transitions + (lease->current != NULL && !was_ours)));
}

static void written(void *ctx, const struct wb_kube_result *result)
{
    struct wb_kube_lease *lease = ctx;
    lease->call = 0;
    if (result->err == WB_OK) {
        lease->renewed_at = wb_net_now_ms(lease->kube->loop);
        again(lease, true);
        set_held(lease, true);
    } else {
        bool is_race = result->err == WB_ERR_STATE || result->err == WB_ERR_EXISTS;
        failed(lease, is_race ? NULL : result->text);
    }
}

static bool may_take(struct wb_kube_lease *lease)
{
    const json_t *spec = json_object_get(lease->current, "spec");
    const char *holder = wb_api_text_at(spec, "", "holderIdentity", NULL);
    const char *renewed = wb_api_text_at(spec, "", "renewTime", NULL);
    int64_t duration_s = wb_api_integer_at(spec, 0, "leaseDurationSeconds", NULL);
    wb_ms now = wb_net_now_ms(lease->kube->loop);
    char seen[sizeof lease->seen];
    snprintf(seen, sizeof seen, "%.300s %.64s", holder, renewed);
    if (strcmp(seen, lease->seen) != 0) {
        memcpy(lease->seen, seen, sizeof seen);
        lease->seen_at = now;
    }
    if (!lease->cfg.is_exclusive || holder[0] == '\0' || strcmp(holder, lease->cfg.holder) == 0) {
        return true;
    }
    return duration_s >= 0 && now - lease->seen_at >= (uint64_t)duration_s * 1000u;
}

static void read_done(void *ctx, const struct wb_kube_result *result)
{
    struct wb_kube_lease *lease = ctx;
    lease->call = 0;
    json_decref(lease->current);
    lease->current = NULL;
    if (result->err != WB_OK && result->err != WB_ERR_NOT_FOUND) {
        failed(lease, result->text);
        return;
    }
    if (result->err == WB_OK) {
        lease->current = json_incref(result->object);
        if (!may_take(lease)) {
            again(lease, false);
            set_held(lease, false);
            return;
        }
    }
    json_t *object = lease_object(lease);
    lease->call = lease->current != NULL
                      ? wb_kube_update(lease->kube, &wb_kube_leases, lease->cfg.namespace, NULL,
                                       object, written, lease)
                      : wb_kube_create(lease->kube, &wb_kube_leases, lease->cfg.namespace, object,
                                       written, lease);
    json_decref(object);
    if (lease->call == 0) {
        failed(lease, wb_err_str(WB_ERR_MEMORY));
    }
}

static void start(void *ctx)
{
    struct wb_kube_lease *lease = ctx;
    lease->call = wb_kube_get(lease->kube, &wb_kube_leases, lease->cfg.namespace, lease->cfg.name,
                              read_done, lease);
    if (lease->call == 0) {
        failed(lease, wb_err_str(WB_ERR_MEMORY));
    }
}

struct wb_kube_lease *wb_kube_lease_new(struct wb_kube *kube, const struct wb_kube_lease_cfg *cfg)
{
    struct wb_kube_lease *lease = calloc(1, sizeof *lease);
    if (lease == NULL) {
        return NULL;
    }
    lease->kube = kube;
    lease->cfg = *cfg;
    lease->cfg.duration_s = cfg->duration_s > 0 ? cfg->duration_s : cfg->is_exclusive ? 15 : 40;
    lease->cfg.renew_ms = cfg->renew_ms > 0 ? cfg->renew_ms : 10000;
    lease->cfg.retry_ms = cfg->retry_ms > 0 ? cfg->retry_ms : 2000;
    lease->cfg.namespace = strdup(cfg->namespace);
    lease->cfg.name = strdup(cfg->name);
    lease->cfg.holder = strdup(cfg->holder);
    lease->timer = wb_net_timer_new(kube->loop, start, lease);
    if (lease->cfg.namespace == NULL || lease->cfg.name == NULL || lease->cfg.holder == NULL ||
        lease->timer == NULL) {
        wb_kube_lease_free(lease);
        return NULL;
    }
    wb_net_timer_start(lease->timer, 0, 0);
    return lease;
}

bool wb_kube_lease_is_held(const struct wb_kube_lease *lease)
{
    return lease->is_held;
}

void wb_kube_lease_free(struct wb_kube_lease *lease)
{
    if (lease == NULL) {
        return;
    }
    wb_kube_cancel(lease->kube, lease->call);
    if (lease->timer != NULL) {
        wb_net_timer_free(lease->timer);
    }
    json_decref(lease->current);
    free((char *)lease->cfg.namespace);
    free((char *)lease->cfg.name);
    free((char *)lease->cfg.holder);
    free(lease);
}

void wb_kube_lease_release(struct wb_kube_lease *lease)
{
    if (!lease->is_held || lease->current == NULL) {
        return;
    }
    wb_kube_cancel(lease->kube, lease->call);
    lease->call = 0;
    wb_net_timer_stop(lease->timer);
    lease->is_releasing = true;
    lease->is_held = false;
    /* the version read last may be old by one write of ours: patch without one */
    json_t *object = lease_object(lease);
    json_t *patch = json_pack("{s:O}", "spec", json_object_get(object, "spec"));
    wb_kube_patch(lease->kube, &wb_kube_leases, lease->cfg.namespace, lease->cfg.name, NULL, patch,
                  NULL, NULL);
    json_decref(patch);
    json_decref(object);
}
