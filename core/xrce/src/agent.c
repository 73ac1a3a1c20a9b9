/* SPDX-License-Identifier: AGPL-3.0-only */
/* Which client a message is from, where many share a transport; and pings without session. */
#include "wb_xrce_agent.h"

bool wb_xrce_peek(const void *message, size_t len, struct wb_xrce_create_client *out)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    return wb_xrce_walk_message(&walk, message, len, &head) == WB_OK &&
           (head.session == WB_XRCE_SESSION_NONE || head.session == WB_XRCE_SESSION_NONE_KEY) &&
           wb_xrce_walk_next(&walk, &sub) == WB_OK && sub.id == WB_XRCE_CREATE_CLIENT &&
           wb_xrce_decode_create_client(&sub, out) == WB_OK;
}

size_t wb_xrce_answer_ping(const void *message, size_t len, void *buf, size_t cap)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_sub sub;
    struct wb_xrce_get_info get;
    if (wb_xrce_walk_message(&walk, message, len, &head) != WB_OK ||
        (head.session != WB_XRCE_SESSION_NONE && head.session != WB_XRCE_SESSION_NONE_KEY) ||
        wb_xrce_walk_next(&walk, &sub) != WB_OK || sub.id != WB_XRCE_GET_INFO ||
        wb_xrce_decode_get_info(&sub, &get) != WB_OK || get.base.object != WB_XRCE_ID_AGENT ||
        cap < WB_XRCE_HEAD_MAX) {
        return 0;
    }
    const struct wb_xrce_any info = {
        .id = WB_XRCE_INFO,
        .flags = WB_XRCE_FLAG_LITTLE,
        .of.info = {.related = get.base,
                    .has_configuration = true,
                    .has_activity = true,
                    .self = {.version = {WB_XRCE_VERSION_MAJOR, 0}, .vendor = {1, 15}},
                    .availability = 1},
    };
    size_t out_len = wb_xrce_head_encode(&head, buf);
    return wb_xrce_encode_any(&info, buf, cap, &out_len) == WB_OK ? out_len : 0;
}

void wb_xrce_agent_init(struct wb_xrce_agent *agent, struct wb_xrce_proxy *proxies, size_t count)
{
    *agent = (struct wb_xrce_agent){.proxies = proxies, .count = count};
}

static struct wb_xrce_proxy *find_peer(const struct wb_xrce_agent *agent, uint64_t peer)
{
    for (size_t i = 0; i < agent->count; i++) {
        if (agent->proxies[i].peer == peer) {
            return &agent->proxies[i];
        }
    }
    return NULL;
}

static struct wb_xrce_proxy *find_key(const struct wb_xrce_agent *agent,
                                      const uint8_t key[WB_XRCE_KEY_LEN])
{
    for (size_t i = 0; i < agent->count; i++) {
        if (agent->proxies[i].peer != 0 &&
            memcmp(agent->proxies[i].key, key, WB_XRCE_KEY_LEN) == 0) {
            return &agent->proxies[i];
        }
    }
    return NULL;
}

/* A proxy that nobody has, else one whose client closed or was refused, and that has nothing left
 * to say: so peers that only knock cannot fill the table. */
static struct wb_xrce_proxy *find_spare(const struct wb_xrce_agent *agent)
{
    struct wb_xrce_proxy *spare = find_peer(agent, 0);
    for (size_t i = 0; i < agent->count && spare == NULL; i++) {
        struct wb_xrce_proxy *proxy = &agent->proxies[i];
        if (!proxy->is_connected && proxy->owed == 0) {
            wb_xrce_proxy_forget(proxy);
            spare = proxy;
        }
    }
    return spare;
}

enum wb_err wb_xrce_agent_route(struct wb_xrce_agent *agent, uint64_t peer, const void *message,
                                size_t len, struct wb_xrce_proxy **proxy)
{
    struct wb_xrce_walk walk;
    struct wb_xrce_head head;
    struct wb_xrce_create_client create;
    WB_ASSERT(peer != 0);
    WB_TRY(wb_xrce_walk_message(&walk, message, len, &head));
    struct wb_xrce_proxy *found;
    if (wb_xrce_peek(message, len, &create)) {
        found = find_key(agent, create.key);
        struct wb_xrce_proxy *former = find_peer(agent, peer);
        if (found == NULL) {
            found = former; /* another client at the same address takes its place */
        } else if (former != NULL && former != found) {
            wb_xrce_proxy_forget(former);
        }
        if (found == NULL) {
            found = find_spare(agent);
        }
        if (found == NULL) {
            return WB_ERR_FULL;
        }
        found->peer = peer;
    } else if (wb_xrce_head_len(head.session) > 4) {
        found = find_key(agent, head.key);
    } else {
        found = find_peer(agent, peer);
    }
    if (found == NULL) {
        return WB_ERR_NOT_FOUND;
    }
    *proxy = found;
    return WB_OK;
}
