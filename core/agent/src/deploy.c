/* SPDX-License-Identifier: AGPL-3.0-only */
/* deploy.c: from the desired set to running applications.
 *
 * A desired set arrives one application a message. What a slot runs already is only marked; what is
 * new or changed is written to flash as a candidate, and nothing else happens until the set is
 * complete. Then applications outside the set go, and candidates are worked on one at a time (the
 * job):
 *
 *     signature of the digest -> chunks -> SHA-256 and translation into a new image -> digest,
 * exports, memory
 *     -> commit of the image -> old instance stops, new one starts -> the slot's record names the
 * new image
 *
 * Until the record is written a power cut leads back to the old version; a failure at any step
 * leaves the old version running and says why. Images that no record names are removed. A job's
 * state lies in cfg->scratch; after a lost link it goes on where it was, unless the TLS handshake
 * needed that memory.
 */
#include <string.h>

#include "agent.h"

#define CHUNK_TIMEOUT_MS 10000u
#define CHUNK_TRIES      3u
#define RETRY_MS         60000u /* after a failure that may pass: no space, gateway has no data */

struct job {
    struct wb_store_writer writer;
    struct wb_sha256 sha;
    struct wb_wasm_install install;
    /* behind it: memory of the installer; afterwards, of the record that is written */
};

#define JOB_MEM_MIN WB_STORE_VALUE_MAX
_Static_assert(sizeof(struct job) + JOB_MEM_MIN <= WB_AGENT_SCRATCH_MIN, "a job fits the scratch");
_Static_assert(WB_TLS_WORK_CAP(WB_AGENT_CERTIFICATE_MAX) <= WB_AGENT_SCRATCH_MIN,
               "a handshake fits the scratch");

static struct job *job_get(const struct wb_agent *a)
{
    return (struct job *)(void *)a->cfg->scratch;
}

static uint8_t *job_mem(const struct wb_agent *a)
{
    return a->cfg->scratch + sizeof(struct job);
}

static size_t job_mem_len(const struct wb_agent *a)
{
    return a->cfg->scratch_len - sizeof(struct job);
}

/* ---- records ------------------------------------------------------------------------------- */

static enum wb_err application_read(const struct wb_agent *a, uint32_t key, uint16_t *image,
                                    struct wb_protocol_application *app)
{
    const void *value;
    const uint8_t *bytes;
    size_t len;

    WB_TRY(wb_store_get_mapped(a->cfg->store, (uint16_t)key, &value, &len));
    if (len <= RECORD_HEAD) {
        return WB_ERR_FORMAT;
    }
    bytes = value;
    if (image != NULL) {
        *image = (uint16_t)(bytes[0] | bytes[1] << 8);
    }
    return wb_protocol_application_decode(bytes + RECORD_HEAD, len - RECORD_HEAD, app, NULL);
}

bool wb_agent_slot_is_free(const struct wb_agent_slot *slot)
{
    return slot->image == 0 && slot->candidate == WB_AGENT_NONE;
}

enum wb_err wb_agent_slot_application(const struct wb_agent *a, uint32_t slot,
                                      struct wb_protocol_application *app)
{
    const struct wb_agent_slot *s = &a->cfg->slots[slot];

    if (s->image == 0) {
        return WB_ERR_NOT_FOUND;
    }
    if (s->is_trial) {
        return wb_agent_candidate_application(a, s->candidate, app);
    }
    return application_read(a, WB_AGENT_RECORD_APP + slot, NULL, app);
}

enum wb_err wb_agent_candidate_application(const struct wb_agent *a, uint32_t candidate,
                                           struct wb_protocol_application *app)
{
    return application_read(a, WB_AGENT_RECORD_CANDIDATE + candidate, NULL, app);
}

static bool is_same_text(struct wb_cbor_text a, struct wb_cbor_text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

uint8_t wb_agent_slot_find(const struct wb_agent *a, struct wb_cbor_text name)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_protocol_application app;

        if (wb_agent_slot_application(a, i, &app) == WB_OK && is_same_text(app.name, name)) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

static uint8_t candidate_find(const struct wb_agent *a, struct wb_cbor_text name)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_protocol_application app;

        if (a->cfg->slots[i].candidate_state != CANDIDATE_NONE &&
            wb_agent_candidate_application(a, i, &app) == WB_OK && is_same_text(app.name, name)) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

/* Slot that is to become this candidate. */
static uint8_t slot_of_candidate(const struct wb_agent *a, uint8_t candidate)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].candidate == candidate) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

static void slot_reset(struct wb_agent_slot *slot)
{
    /* The candidate_ fields belong to the candidate of the same index, not to this slot. */
    slot->start_at = WB_NEVER;
    slot->started_at = 0;
    slot->fuel_before = 0;
    slot->restarts = 0;
    slot->image = 0;
    slot->phase = WB_PROTOCOL_APP_PENDING;
    slot->backoff = 0;
    slot->candidate = WB_AGENT_NONE;
    slot->is_wanted = false;
    slot->is_status_due = false;
    slot->is_trial = false;
    slot->message[0] = '\0';
}

static void record_remove(struct wb_agent *a, uint32_t key)
{
    enum wb_err err = wb_store_remove(a->cfg->store, (uint16_t)key);

    if (err != WB_OK && err != WB_ERR_NOT_FOUND) {
        wb_agent_log_err(a, WB_AGENT_ERROR, "cannot remove a record", err);
    }
}

static void candidate_remove(struct wb_agent *a, uint8_t candidate)
{
    uint8_t slot = slot_of_candidate(a, candidate);

    if (slot != WB_AGENT_NONE) {
        if (a->job == slot) {
            wb_agent_deploy_abandon_job(a);
        }
        a->cfg->slots[slot].candidate = WB_AGENT_NONE;
        a->cfg->slots[slot].message[0] = '\0';
        if (a->cfg->slots[slot].image == 0) {
            slot_reset(&a->cfg->slots[slot]);
        }
    }
    a->cfg->slots[candidate].candidate_state = CANDIDATE_NONE;
    record_remove(a, WB_AGENT_RECORD_CANDIDATE + candidate);
}

/* ---- images -------------------------------------------------------------------------------- */

static void images_collect(struct wb_agent *a)
{
    for (uint16_t id = wb_store_image_next(a->cfg->store, 0); id != 0;
         id = wb_store_image_next(a->cfg->store, id)) {
        bool is_used = false;

        for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
            is_used = is_used || a->cfg->slots[i].image == id;
        }
        if (!is_used && wb_store_image_remove(a->cfg->store, id) != WB_OK) {
            return; /* tried again after the next change */
        }
    }
}

/* An image of this module that is installed already; 0: none. */
static uint16_t image_find(const struct wb_agent *a, const uint8_t digest[32])
{
    uint8_t meta[32];
    size_t len;

    for (uint16_t id = wb_store_image_next(a->cfg->store, 0); id != 0;
         id = wb_store_image_next(a->cfg->store, id)) {
        if (wb_store_image_meta(a->cfg->store, id, meta, sizeof(meta), &len) == WB_OK &&
            len == sizeof(meta) && memcmp(meta, digest, sizeof(meta)) == 0) {
            return id;
        }
    }
    return 0;
}

/* ---- boot ---------------------------------------------------------------------------------- */

static bool image_is_usable(struct wb_agent *a, uint16_t id)
{
    struct wb_store_image stored;
    struct wb_wasm_image image;

    return wb_store_image_find(a->cfg->store, id, &stored) == WB_OK && stored.data != NULL &&
           wb_store_image_check(a->cfg->store, id) == WB_OK &&
           wb_wasm_image_open(&image, stored.data, stored.size) == WB_OK;
}

void wb_agent_deploy_init(struct wb_agent *a)
{
    a->job = WB_AGENT_NONE;
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_agent_slot *slot = &a->cfg->slots[i];
        struct wb_protocol_application app;
        uint16_t image;
        enum wb_err err;

        memset(slot, 0, sizeof(*slot));
        slot_reset(slot);
        record_remove(a, WB_AGENT_RECORD_CANDIDATE + i); /* the gateway will send it again */
        err = application_read(a, WB_AGENT_RECORD_APP + i, &image, &app);
        if (err == WB_ERR_NOT_FOUND) {
            continue;
        }
        if (err != WB_OK || !image_is_usable(a, image)) {
            wb_agent_log_text(a, NULL, WB_AGENT_ERROR,
                              "an installed application is damaged or of another format; "
                              "it is removed and will be installed anew");
            record_remove(a, WB_AGENT_RECORD_APP + i);
            continue;
        }
        slot->image = image;
    }
    images_collect(a);
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].image != 0) {
            (void)wb_agent_app_start(a, i); /* on failure the slot says why and tries again */
        }
    }
}

/* ---- the desired set ----------------------------------------------------------------------- */

static bool is_same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* An application that cannot even become a candidate: told once, directly. */
static void refuse(struct wb_agent *a, const struct wb_protocol_application *app, const char *why)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_APP_STATUS};
    char line[LOG_LINE_MAX];
    struct wb_text t = wb_text_init(line, sizeof(line));

    message.u.app_status.name = app->name;
    message.u.app_status.phase = WB_PROTOCOL_APP_FAILED;
    message.u.app_status.digest = app->digest;
    message.u.app_status.message = wb_protocol_text(why);
    message.u.app_status.revision = app->revision;
    (void)wb_agent_outbox_put(a, &message, 0);
    wb_text_add_bytes(&t, app->name.data, app->name.len);
    wb_text_add(&t, ": ");
    wb_text_add(&t, why);
    wb_agent_log(a, NULL, WB_AGENT_ERROR, line, t.len);
}

static void fresh_drop(struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].candidate_state == CANDIDATE_FRESH) {
            candidate_remove(a, (uint8_t)i);
        }
    }
}

static void set_begin(struct wb_agent *a, const struct wb_protocol_desired *desired)
{
    fresh_drop(a);
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        a->cfg->slots[i].is_wanted = false;
        a->cfg->slots[i].is_candidate_wanted = false;
    }
    a->generation = desired->generation;
    a->set_count = desired->count;
    a->set_next = 0;
    a->is_set_open = true;
    wb_agent_set_state(a, WB_AGENT_APPLICATION_DEPLOYMENT);
}

/* Whether an application is, byte for byte, the one that flash has. */
static bool is_recorded(const struct wb_agent *a, uint32_t key,
                        const struct wb_protocol_application *app)
{
    const void *value;
    size_t len;

    return wb_store_get_mapped(a->cfg->store, (uint16_t)key, &value, &len) == WB_OK &&
           len > RECORD_HEAD &&
           is_same_bytes((const uint8_t *)value + RECORD_HEAD, len - RECORD_HEAD, app->raw.data,
                         app->raw.len);
}

static uint8_t candidate_free(const struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].candidate_state == CANDIDATE_NONE) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

/* Writes the candidate's record. Its bytes stand in the frame buffer, behind others of the message
 * that were read already: the record's head goes there. */
static enum wb_err candidate_write(struct wb_agent *a, uint8_t candidate,
                                   const struct wb_protocol_application *app)
{
    uint8_t *record = a->cfg->frame + (app->raw.data - a->cfg->frame) - RECORD_HEAD;

    WB_ASSERT(app->raw.data >= a->cfg->frame + RECORD_HEAD);
    WB_ASSERT(app->raw.data + app->raw.len <=
              a->cfg->frame + a->cfg->frame_len + WB_PROTOCOL_FRAME_HEAD);
    memset(record, 0, RECORD_HEAD);
    return wb_store_put(a->cfg->store, (uint16_t)(WB_AGENT_RECORD_CANDIDATE + candidate), record,
                        RECORD_HEAD + app->raw.len);
}

static void set_take(struct wb_agent *a, const struct wb_protocol_application *app)
{
    uint8_t slot = wb_agent_slot_find(a, app->name);
    uint8_t candidate = candidate_find(a, app->name);
    enum wb_err err;

    if (slot != WB_AGENT_NONE) {
        a->cfg->slots[slot].is_wanted = true;
    }
    if (candidate != WB_AGENT_NONE && is_recorded(a, WB_AGENT_RECORD_CANDIDATE + candidate, app)) {
        a->cfg->slots[candidate].is_candidate_wanted = true;
        slot = slot_of_candidate(a, candidate);
        if (slot != WB_AGENT_NONE) { /* its installation may be over before the set is complete */
            a->cfg->slots[slot].is_wanted = true;
        }
        return;
    }
    if (slot != WB_AGENT_NONE && is_recorded(a, WB_AGENT_RECORD_APP + slot, app)) {
        if (candidate != WB_AGENT_NONE) { /* back to the version that runs */
            candidate_remove(a, candidate);
            a->cfg->slots[slot].is_status_due = true;
        }
        return;
    }
    if (app->raw.len > WB_STORE_VALUE_MAX - RECORD_HEAD) {
        refuse(a, app,
               "configuration is too long for a device (510 bytes with name and signature)");
        return;
    }
    if (candidate != WB_AGENT_NONE) {
        candidate_remove(a, candidate);
    }
    candidate = candidate_free(a);
    if (candidate == WB_AGENT_NONE) {
        refuse(a, app, "more applications than this device has slots; target fewer");
        return;
    }
    err = candidate_write(a, candidate, app);
    if (err != WB_OK) {
        wb_agent_log_err(a, WB_AGENT_ERROR, "cannot keep an application's description", err);
        refuse(a, app, "no room in flash for its description; remove an application");
        return;
    }
    a->cfg->slots[candidate].candidate_state = CANDIDATE_FRESH;
    a->cfg->slots[candidate].is_candidate_wanted = true;
    a->cfg->slots[candidate].candidate_retry_at = a->now;
}

static uint8_t slot_free_find(const struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (wb_agent_slot_is_free(&a->cfg->slots[i])) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

/* A candidate of the complete set gets the slot of its name or a free one. */
static void candidate_bind(struct wb_agent *a, uint8_t candidate)
{
    struct wb_protocol_application app;
    struct wb_agent_slot *slot;
    uint8_t index;

    if (wb_agent_candidate_application(a, candidate, &app) != WB_OK) {
        candidate_remove(a, candidate);
        return;
    }
    index = wb_agent_slot_find(a, app.name);
    if (index == WB_AGENT_NONE) {
        index = slot_free_find(a);
    }
    if (index == WB_AGENT_NONE) {
        refuse(a, &app, "more applications than this device has slots; target fewer");
        candidate_remove(a, candidate);
        return;
    }
    slot = &a->cfg->slots[index];
    WB_ASSERT(slot->candidate == WB_AGENT_NONE);
    slot->candidate = candidate;
    a->cfg->slots[candidate].candidate_state = CANDIDATE_PENDING;
    if (slot->image == 0) {
        wb_agent_slot_set_phase(slot, WB_PROTOCOL_APP_PENDING, "");
    }
}

static void slot_remove(struct wb_agent *a, uint32_t index)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];

    wb_agent_log_text(a, slot, WB_AGENT_INFO, "removed");
    wb_agent_app_stop(a, index);
    if (slot->candidate != WB_AGENT_NONE) {
        candidate_remove(a, slot->candidate);
    }
    record_remove(a, WB_AGENT_RECORD_APP + index);
    slot_reset(slot);
}

static void set_complete(struct wb_agent *a)
{
    a->is_set_open = false;
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].candidate_state != CANDIDATE_NONE &&
            !a->cfg->slots[i].is_candidate_wanted) {
            candidate_remove(a, (uint8_t)i);
        }
    }
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        if (a->cfg->slots[i].image != 0 && !a->cfg->slots[i].is_wanted) {
            slot_remove(a, i);
        }
    }
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        struct wb_agent_slot *slot = &a->cfg->slots[i];

        if (slot->candidate_state == CANDIDATE_FRESH) {
            candidate_bind(a, (uint8_t)i);
        } else if (slot->candidate_state == CANDIDATE_FAILED &&
                   slot->candidate_retry_at != WB_NEVER) {
            slot->candidate_retry_at = a->now; /* the change may have made room */
        }
    }
    images_collect(a);
    a->has_set = true;
    a->is_ack_due = true;
}

void wb_agent_deploy_desired(struct wb_agent *a, const struct wb_protocol_desired *desired)
{
    if (desired->index == 0) {
        set_begin(a, desired);
    }
    if (!a->is_set_open || desired->generation != a->generation || desired->index != a->set_next ||
        desired->count != a->set_count) {
        wb_agent_log_text(a, NULL, WB_AGENT_WARNING,
                          "a part of the desired state is missing; waiting for it to come again");
        a->is_set_open = false;
        fresh_drop(a);
        return;
    }
    if (desired->count > 0) {
        set_take(a, &desired->app);
        a->set_next++;
    }
    if (a->set_next == a->set_count) {
        set_complete(a);
    }
}

/* ---- the job ------------------------------------------------------------------------------- */

void wb_agent_deploy_abandon_job(struct wb_agent *a)
{
    if (a->job != WB_AGENT_NONE) {
        wb_store_image_abort(&job_get(a)->writer);
        a->job = WB_AGENT_NONE;
    }
}

/* Ends the job: the candidate failed for the reason that stands in text. */
static void job_fail(struct wb_agent *a, uint8_t index, const char *text, wb_ms retry_at)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    struct wb_agent_slot *candidate = &a->cfg->slots[slot->candidate];
    struct wb_text t = wb_text_init(slot->message, sizeof(slot->message));

    if (slot->image != 0) {
        wb_text_add(&t, "update failed, the version before runs on: ");
    }
    wb_text_add(&t, text);
    wb_agent_deploy_abandon_job(a);
    candidate->candidate_state = CANDIDATE_FAILED;
    candidate->candidate_retry_at = retry_at;
    wb_agent_log_text(a, slot, WB_AGENT_ERROR, slot->message);
    if (slot->image == 0) {
        slot->phase = WB_PROTOCOL_APP_FAILED;
    } else if (slot->phase == WB_PROTOCOL_APP_INSTALLING) { /* the version before, as it is */
        slot->phase = slot->run != NULL ? WB_PROTOCOL_APP_RUNNING : slot->phase_before;
    }
    slot->is_status_due = true;
}

static void job_fail_err(struct wb_agent *a, uint8_t index, const char *what, enum wb_err err,
                         const char *hint, wb_ms retry_at)
{
    char text[WB_AGENT_MESSAGE_MAX + 1];
    struct wb_text t = wb_text_init(text, sizeof(text));

    wb_text_add(&t, what);
    if (err != WB_OK) {
        wb_text_add(&t, ": ");
        wb_text_add(&t, wb_err_str(err));
    }
    if (hint != NULL) {
        wb_text_add(&t, "; ");
        wb_text_add(&t, hint);
    }
    job_fail(a, index, text, retry_at);
}

/* What the installer refused, where, and what to do. */
static void job_fail_install(struct wb_agent *a, enum wb_err err)
{
    const struct wb_wasm_install *install = &job_get(a)->install;
    const struct wb_fault *fault = &install->fault;
    char text[WB_AGENT_MESSAGE_MAX + 1];
    struct wb_text t = wb_text_init(text, sizeof(text));
    const char *hint = fault->hint;

    if (err == WB_ERR_FULL) {
        job_fail_err(a, a->job, "no room in flash for the translated module", WB_OK,
                     "remove an application", a->now + RETRY_MS);
        return;
    }
    if (err == WB_ERR_FLASH || err == WB_ERR_IO) {
        job_fail_err(a, a->job, "flash", err, NULL, a->now + RETRY_MS);
        return;
    }
    if (err == WB_ERR_IMPORT) {
        wb_text_add(&t, "unknown import ");
        wb_text_add(&t, install->import_module);
        wb_text_add(&t, ".");
        wb_text_add(&t, install->import_name);
        hint = "this firmware does not offer it: build against its wasmbed.h";
    } else {
        wb_text_add(&t, "invalid module: ");
        wb_text_add(&t, fault->what != NULL ? fault->what : wb_err_str(err));
        if (hint == NULL) {
            hint = "check it with wasm-validate and build it again";
        }
    }
    if (fault->where[0] != UINT32_MAX) {
        wb_text_add(&t, " (function ");
        wb_text_add_uint(&t, fault->where[0]);
        wb_text_add(&t, ", offset ");
    } else {
        wb_text_add(&t, " (offset ");
    }
    wb_text_add_uint(&t, fault->where[1]);
    wb_text_add(&t, ")");
    if (hint != NULL) {
        wb_text_add(&t, "; ");
        wb_text_add(&t, hint);
    }
    job_fail(a, a->job, text, WB_NEVER);
}

/* ---- the switch ------------------------------------------------------------------------------ */

/* The slot's record gets the candidate's application and this image. */
static enum wb_err record_write(struct wb_agent *a, uint8_t index, uint16_t image)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    uint8_t *buf = job_mem(a);
    size_t len;

    WB_TRY(wb_store_get(a->cfg->store, (uint16_t)(WB_AGENT_RECORD_CANDIDATE + slot->candidate), buf,
                        job_mem_len(a), &len));
    buf[0] = (uint8_t)image;
    buf[1] = (uint8_t)(image >> 8);
    return wb_store_put(a->cfg->store, (uint16_t)(WB_AGENT_RECORD_APP + index), buf, len);
}

/* Back to the version before, after the new one could not be started or recorded. */
static void switch_back(struct wb_agent *a, uint8_t index, uint16_t old_image, const char *why)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];

    wb_agent_app_stop(a, index);
    slot->is_trial = false;
    slot->image = old_image;
    if (old_image != 0) {
        (void)wb_agent_app_start(a, index);
    }
    job_fail(a, index, why, a->now + RETRY_MS);
    images_collect(a);
}

/* The candidate runs from this image from now on. */
static void switch_to(struct wb_agent *a, uint8_t index, uint16_t image)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    uint16_t old_image = slot->image;
    uint8_t candidate = slot->candidate;
    char why[WB_AGENT_MESSAGE_MAX + 1];
    struct wb_text t = wb_text_init(why, sizeof(why));
    enum wb_err err;

    a->job = WB_AGENT_NONE;
    wb_agent_app_stop(a, index);
    slot->image = image;
    slot->is_trial = true;
    slot->backoff = 0;
    if (wb_agent_app_start(a, index) != WB_OK) {
        wb_text_add(&t, slot->message);
        switch_back(a, index, old_image, why);
        return;
    }
    err = record_write(a, index, image);
    if (err != WB_OK) {
        wb_text_add(&t, "cannot record the new version: ");
        wb_text_add(&t, wb_err_str(err));
        switch_back(a, index, old_image, why);
        return;
    }
    slot->is_trial = false;
    if (old_image != image) {
        slot->restarts = 0;
        slot->fuel_before = 0;
    }
    candidate_remove(a, candidate);
    images_collect(a);
    wb_agent_log_text(a, slot, WB_AGENT_INFO,
                      old_image == image ? "configuration changed" : "installed");
}

/* ---- install --------------------------------------------------------------------------------- */

static enum wb_err sink_append(void *ctx, const void *bytes, size_t len)
{
    return wb_store_image_append(ctx, bytes, len);
}

static enum wb_err sink_program(void *ctx, uint32_t offset, uint32_t word)
{
    uint8_t bytes[4];
    struct wb_writer w;

    /* The image's words are the processor's own; every board of ours is little-endian. */
    wb_writer_init(&w, bytes, sizeof(bytes));
    wb_write_le32(&w, word);
    return wb_store_image_program(ctx, offset, bytes, sizeof(bytes));
}

static enum wb_err sink_read(void *ctx, uint32_t offset, void *buf, size_t len)
{
    return wb_store_image_read(ctx, offset, buf, len);
}

static void job_fetch_begin(struct wb_agent *a, uint8_t index,
                            const struct wb_protocol_application *app)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    struct job *job = job_get(a);
    struct wb_wasm_install_cfg cfg = {
        .sink = {.append = sink_append,
                 .program = sink_program,
                 .read = sink_read,
                 .ctx = &job->writer},
        .imports = wb_agent_imports,
        .import_count = wb_agent_import_count,
        .mem = job_mem(a),
        .mem_len = job_mem_len(a),
    };
    enum wb_err err;

    memset(&job->writer, 0, sizeof(job->writer));
    err = wb_store_image_begin(a->cfg->store, &job->writer, 0);
    if (err != WB_OK) {
        job_fail_err(a, index, "no room in flash", err, "remove an application", a->now + RETRY_MS);
        return;
    }
    wb_sha256_init(&job->sha);
    err = wb_wasm_install_init(&job->install, &cfg);
    WB_ASSERT(err == WB_OK);
    a->job = index;
    a->job_size = app->size;
    a->job_got = 0;
    a->job_asked = 0;
    a->job_tries = 0;
    a->job_deadline = a->now + CHUNK_TIMEOUT_MS;
    slot->phase_before = slot->phase;
    wb_agent_slot_set_phase(slot, WB_PROTOCOL_APP_INSTALLING, "");
    wb_agent_set_state(a, WB_AGENT_WASM_LOADING);
}

/* Begins work on a slot's candidate. */
static void job_begin(struct wb_agent *a, uint8_t index)
{
    struct wb_agent_slot *slot = &a->cfg->slots[index];
    struct wb_protocol_application app;
    uint16_t image;
    enum wb_err err = wb_agent_candidate_application(a, slot->candidate, &app);

    if (err != WB_OK) {
        candidate_remove(a, slot->candidate);
        return;
    }
    a->cfg->slots[slot->candidate].candidate_state = CANDIDATE_PENDING;
    err = wb_agent_signature_verify(a, app.digest, app.signature);
    if (err != WB_OK) {
        job_fail_err(a, index,
                     app.signature.len == 0 ? "module is not signed"
                                            : "module's signature is not a known publisher's",
                     WB_OK, "sign it with the platform's publisher key (wasmbed sign)", WB_NEVER);
        return;
    }
    image = image_find(a, app.digest);
    if (image != 0) {
        switch_to(a, index, image);
        return;
    }
    if (app.size == 0) {
        job_fail_err(a, index, "module is empty", WB_OK, NULL, WB_NEVER);
        return;
    }
    job_fetch_begin(a, index, &app);
}

static bool has_entry(const struct wb_wasm_image *image)
{
    static const struct {
        const char *name;
        const char *signature;
    } entries[] = {
        {"_start", ">"}, {"_initialize", ">"}, {"on_timer", "i>"}, {"on_message", "ii>"}};
    uint32_t func;

    for (uint32_t i = 0; i < WB_ARRAY_LEN(entries); i++) {
        if (wb_wasm_export_find(image, WB_WASM_FUNC, entries[i].name, &func) == WB_OK &&
            wb_wasm_func_has_signature(image, func, entries[i].signature)) {
            return true;
        }
    }
    return false;
}

/* Would the module run here? Says why not. */
static bool image_check(struct wb_agent *a, const struct wb_wasm_info *info,
                        const struct wb_protocol_application *app)
{
    struct job *job = job_get(a);
    struct wb_agent_slot *slot = &a->cfg->slots[a->job];
    const void *mapped = wb_store_image_map(&job->writer);
    uint64_t need = wb_agent_app_need(a, info, app->memory);
    struct wb_wasm_image image;
    uint32_t at;

    if (mapped == NULL || wb_wasm_image_open(&image, mapped, info->image_len) != WB_OK) {
        job_fail_err(a, a->job, "the installed image cannot be read back", WB_OK,
                     "the flash may be worn out", a->now + RETRY_MS);
        return false;
    }
    if (!has_entry(&image)) {
        job_fail_err(a, a->job, "nothing to run", WB_OK,
                     "export _start, _initialize, on_timer(i32) or on_message(i32, i32)", WB_NEVER);
        return false;
    }
    if (need > UINT32_MAX || !wb_agent_arena_fits(a, (uint32_t)need, &slot->block, &at)) {
        char text[WB_AGENT_MESSAGE_MAX + 1];
        struct wb_text t = wb_text_init(text, sizeof(text));

        wb_text_add(&t, "needs ");
        wb_text_add_uint(&t, need);
        wb_text_add(&t, " bytes of RAM, this device has ");
        wb_text_add_uint(&t, wb_agent_arena_largest(a, &slot->block));
        wb_text_add(&t, " for it; set a lower resources.memory");
        job_fail(a, a->job, text, a->now + 10u * RETRY_MS);
        return false;
    }
    return true;
}

/* All bytes are here. */
static void job_finish(struct wb_agent *a, const struct wb_protocol_application *app)
{
    struct job *job = job_get(a);
    struct wb_wasm_info info;
    uint8_t digest[32];
    uint16_t image;
    uint8_t index = a->job;
    enum wb_err err;

    wb_sha256_final(&job->sha, digest);
    if (memcmp(digest, app->digest, sizeof(digest)) != 0) {
        job_fail_err(a, index, "the module that was sent is not the one that was signed", WB_OK,
                     "its SHA-256 differs", a->now + RETRY_MS);
        return;
    }
    err = wb_wasm_install_finish(&job->install, &info);
    if (err != WB_OK) {
        job_fail_install(a, err);
        return;
    }
    if (!image_check(a, &info, app)) {
        return;
    }
    err = wb_store_image_commit(&job->writer, digest, sizeof(digest), &image);
    if (err != WB_OK) {
        job_fail_err(a, index, "cannot write the image", err, "remove an application",
                     a->now + RETRY_MS);
        return;
    }
    switch_to(a, index, image);
}

void wb_agent_deploy_chunk(struct wb_agent *a, const struct wb_protocol_chunk *chunk)
{
    struct wb_protocol_application app;
    struct job *job = job_get(a);
    uint32_t wanted;
    enum wb_err err;

    if (a->job == WB_AGENT_NONE ||
        wb_agent_candidate_application(a, a->cfg->slots[a->job].candidate, &app) != WB_OK ||
        memcmp(chunk->digest, app.digest, 32) != 0) {
        return; /* of a job that was given up */
    }
    if (chunk->error.len > 0) {
        char text[WB_AGENT_MESSAGE_MAX + 1];
        struct wb_text t = wb_text_init(text, sizeof(text));

        wb_text_add(&t, "gateway cannot send the module: ");
        wb_text_add_bytes(&t, chunk->error.data, chunk->error.len);
        job_fail(a, a->job, text, a->now + RETRY_MS);
        return;
    }
    if (chunk->offset != a->job_got || chunk->data.len == 0) {
        return; /* asked for twice, after a pause */
    }
    if (chunk->data.len > a->job_size - a->job_got) {
        job_fail_err(a, a->job, "gateway sent more than the module's size", WB_OK, NULL,
                     a->now + RETRY_MS);
        return;
    }
    wanted = a->job_size - a->job_got < a->job_step ? a->job_size - a->job_got : a->job_step;
    wb_sha256_update(&job->sha, chunk->data.data, chunk->data.len);
    a->job_got += (uint32_t)chunk->data.len;
    a->job_tries = 0;
    a->job_deadline = a->now + CHUNK_TIMEOUT_MS;
    if (chunk->data.len != wanted || a->job_asked < a->job_got) {
        a->job_asked = a->job_got; /* not what was asked for: what is on its way will not fit */
    }
    err = wb_wasm_install_feed(&job->install, chunk->data.data, chunk->data.len);
    if (err != WB_OK) {
        job_fail_install(a, err);
        return;
    }
    if (a->job_got == a->job_size) {
        job_finish(a, &app);
    }
}

void wb_agent_deploy_fetch(struct wb_agent *a)
{
    struct wb_protocol_message message = {.type = WB_PROTOCOL_FETCH};
    struct wb_protocol_application app;

    if (a->job == WB_AGENT_NONE || a->job_asked >= a->job_size ||
        wb_agent_candidate_application(a, a->cfg->slots[a->job].candidate, &app) != WB_OK) {
        return;
    }
    a->job_step = (uint32_t)wb_protocol_chunk_data_max(a->cfg->frame_len);
    while (a->job_asked < a->job_size && a->job_asked - a->job_got < FETCH_AHEAD * a->job_step) {
        uint32_t left = a->job_size - a->job_asked;

        message.u.fetch.digest = app.digest;
        message.u.fetch.offset = a->job_asked;
        message.u.fetch.len = left < a->job_step ? left : a->job_step;
        if (!wb_agent_outbox_put(a, &message, 0)) {
            return;
        }
        a->job_asked += message.u.fetch.len;
        if (a->job_asked == a->job_size) {
            return;
        }
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

void wb_agent_deploy_session_end(struct wb_agent *a)
{
    a->is_set_open = false;
    a->has_set = false;
    fresh_drop(a);
    a->job_asked = a->job_got; /* what was on its way is lost */
}

/* The slot whose candidate is to be worked on now. */
static uint8_t slot_next(const struct wb_agent *a)
{
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        uint8_t candidate = a->cfg->slots[i].candidate;
        const struct wb_agent_slot *c;

        if (candidate == WB_AGENT_NONE) {
            continue;
        }
        c = &a->cfg->slots[candidate];
        if (c->candidate_state == CANDIDATE_PENDING ||
            (c->candidate_state == CANDIDATE_FAILED && c->candidate_retry_at <= a->now)) {
            return (uint8_t)i;
        }
    }
    return WB_AGENT_NONE;
}

void wb_agent_deploy_tick(struct wb_agent *a)
{
    uint8_t slot;

    if (!wb_agent_session_is_ready(a) || a->is_set_open) {
        return;
    }
    if (a->job != WB_AGENT_NONE && a->job_deadline <= a->now) {
        a->job_deadline = a->now + CHUNK_TIMEOUT_MS;
        a->job_asked = a->job_got;
        if (++a->job_tries == CHUNK_TRIES) {
            job_fail_err(a, a->job, "gateway does not send the module", WB_OK, NULL,
                         a->now + RETRY_MS);
        }
    }
    while (a->job == WB_AGENT_NONE && (slot = slot_next(a)) != WB_AGENT_NONE) {
        job_begin(a, slot);
    }
    if (a->job == WB_AGENT_NONE &&
        (a->state == WB_AGENT_WASM_LOADING || a->state == WB_AGENT_APPLICATION_DEPLOYMENT) &&
        a->has_set) {
        wb_agent_set_state(a, WB_AGENT_RUNNING);
        a->is_heartbeat_due = true; /* memory and flash are other than before */
    }
}

wb_ms wb_agent_deploy_due(const struct wb_agent *a)
{
    wb_ms due = WB_NEVER;

    if (!wb_agent_session_is_ready(a) || a->is_set_open) {
        return WB_NEVER;
    }
    if (a->job != WB_AGENT_NONE) {
        return a->job_deadline;
    }
    for (uint32_t i = 0; i < a->cfg->slot_count; i++) {
        const struct wb_agent_slot *c = &a->cfg->slots[i];

        if (c->candidate_state == CANDIDATE_FAILED) {
            due = wb_ms_min(due, c->candidate_retry_at);
        } else if (c->candidate_state == CANDIDATE_PENDING) {
            due = 0;
        }
    }
    return due;
}
