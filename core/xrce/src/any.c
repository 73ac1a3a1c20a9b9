/* SPDX-License-Identifier: AGPL-3.0-only */
/* One door to every submessage, for tools and tests; apart from message.c so that firmware, which
 * calls the single functions, does not carry them all. */
#include "wb_xrce.h"

enum wb_err wb_xrce_decode_any(const struct wb_xrce_sub *sub, struct wb_xrce_any *out)
{
    out->id = sub->id;
    out->flags = sub->flags;
    switch (sub->id) {
    case WB_XRCE_CREATE_CLIENT: return wb_xrce_decode_create_client(sub, &out->of.create_client);
    case WB_XRCE_CREATE: return wb_xrce_decode_create(sub, &out->of.create);
    case WB_XRCE_GET_INFO: return wb_xrce_decode_get_info(sub, &out->of.get_info);
    case WB_XRCE_DELETE: return wb_xrce_decode_request(sub, &out->of.request);
    case WB_XRCE_STATUS_AGENT: return wb_xrce_decode_status_agent(sub, &out->of.status_agent);
    case WB_XRCE_STATUS: return wb_xrce_decode_status(sub, &out->of.status);
    case WB_XRCE_INFO: return wb_xrce_decode_info(sub, &out->of.info);
    case WB_XRCE_WRITE_DATA:
    case WB_XRCE_DATA: return wb_xrce_decode_data(sub, &out->of.data);
    case WB_XRCE_READ_DATA: return wb_xrce_decode_read_data(sub, &out->of.read_data);
    case WB_XRCE_ACKNACK: return wb_xrce_decode_acknack(sub, &out->of.acknack);
    case WB_XRCE_HEARTBEAT: return wb_xrce_decode_heartbeat(sub, &out->of.heartbeat);
    case WB_XRCE_RESET:
    case WB_XRCE_FRAGMENT: out->of.raw = *sub; return WB_OK;
    case WB_XRCE_TIMESTAMP: return wb_xrce_decode_timestamp(sub, &out->of.timestamp);
    case WB_XRCE_TIMESTAMP_REPLY:
        return wb_xrce_decode_timestamp_reply(sub, &out->of.timestamp_reply);
    default: return WB_ERR_UNSUPPORTED;
    }
}

static void encode_payload(struct wb_cdr_writer *w, const struct wb_xrce_any *in)
{
    switch (in->id) {
    case WB_XRCE_CREATE_CLIENT: wb_xrce_encode_create_client(w, &in->of.create_client); break;
    case WB_XRCE_CREATE: wb_xrce_encode_create(w, &in->of.create); break;
    case WB_XRCE_GET_INFO: wb_xrce_encode_get_info(w, &in->of.get_info); break;
    case WB_XRCE_DELETE: wb_xrce_encode_request(w, &in->of.request); break;
    case WB_XRCE_STATUS_AGENT: wb_xrce_encode_status_agent(w, &in->of.status_agent); break;
    case WB_XRCE_STATUS: wb_xrce_encode_status(w, &in->of.status); break;
    case WB_XRCE_INFO: wb_xrce_encode_info(w, &in->of.info); break;
    case WB_XRCE_WRITE_DATA:
    case WB_XRCE_DATA: wb_xrce_encode_data(w, &in->of.data); break;
    case WB_XRCE_READ_DATA: wb_xrce_encode_read_data(w, &in->of.read_data); break;
    case WB_XRCE_ACKNACK: wb_xrce_encode_acknack(w, &in->of.acknack); break;
    case WB_XRCE_HEARTBEAT: wb_xrce_encode_heartbeat(w, &in->of.heartbeat); break;
    case WB_XRCE_RESET:
    case WB_XRCE_FRAGMENT: wb_cdr_write_bytes(w, in->of.raw.payload, in->of.raw.len); break;
    case WB_XRCE_TIMESTAMP: wb_xrce_encode_timestamp(w, &in->of.timestamp); break;
    case WB_XRCE_TIMESTAMP_REPLY: wb_xrce_encode_timestamp_reply(w, &in->of.timestamp_reply); break;
    default: wb_cdr_writer_fail(w, WB_ERR_UNSUPPORTED); break;
    }
}

enum wb_err wb_xrce_encode_any(const struct wb_xrce_any *in, uint8_t *buf, size_t cap, size_t *len)
{
    size_t at = (*len + 3) & ~(size_t)3;
    if (at > cap || cap - at < WB_XRCE_SUB_HEAD_LEN) {
        return WB_ERR_SPACE;
    }
    struct wb_cdr_writer w;
    wb_cdr_writer_init(&w, buf + at + WB_XRCE_SUB_HEAD_LEN, cap - at - WB_XRCE_SUB_HEAD_LEN,
                       (in->flags & WB_XRCE_FLAG_LITTLE) == 0);
    encode_payload(&w, in);
    if (w.err != WB_OK) {
        return w.err;
    }
    if (w.len > UINT16_MAX) {
        return WB_ERR_LIMIT;
    }
    memset(buf + *len, 0, at - *len);
    buf[at] = in->id;
    buf[at + 1] = in->flags;
    buf[at + 2] = (uint8_t)w.len;
    buf[at + 3] = (uint8_t)(w.len >> 8);
    *len = at + WB_XRCE_SUB_HEAD_LEN + w.len;
    return WB_OK;
}
