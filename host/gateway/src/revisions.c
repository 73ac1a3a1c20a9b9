/* SPDX-License-Identifier: AGPL-3.0-only */
/* Revisions of Applications: what they were when the controller recorded them. Devices run the
 * revision that they are assigned, which during a rollout, after a rollback, or while an
 * Application is paused is another than the Application's spec has now. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_CAP 96u

static void key_of(char key[KEY_CAP], const char *name, int64_t revision)
{
    snprintf(key, KEY_CAP, "%.63s/%lld", name, (long long)revision);
}

static const char *label_of(const json_t *record, const char *label)
{
    return wb_api_text_at(record, "", "metadata", "labels", label, NULL);
}

static void key_of_record(char key[KEY_CAP], const json_t *record)
{
    key_of(key, label_of(record, WB_API_LABEL_APPLICATION),
           strtoll(label_of(record, WB_API_LABEL_REVISION), NULL, 10));
}

struct gateway_application *revision_find(const struct gateway *g,
                                          const struct wb_api_assignment *assignment)
{
    char key[KEY_CAP];
    key_of(key, assignment->name, assignment->revision);
    struct gateway_application *app = table_find(&g->applications, assignment->name);
    if (app == NULL || app->api.meta.generation != assignment->revision ||
        strcmp(app->digest_text, assignment->digest) != 0) {
        app = table_find(&g->revisions, key);
    }
    return app != NULL && strcmp(app->digest_text, assignment->digest) == 0 ? app : NULL;
}

/* The Application as it was, in the form in which it comes from the API (new reference). */
static json_t *as_application(const json_t *record)
{
    const char *text = wb_api_text_at(record, "", "data", "spec.json", NULL);
    json_t *spec = json_loads(text, 0, NULL);
    return spec == NULL
               ? NULL
               : json_pack("{s:{s:s, s:s, s:I}, s:o}", "metadata", "name",
                           label_of(record, WB_API_LABEL_APPLICATION), "namespace",
                           wb_api_text_at(record, "", "metadata", "namespace", NULL), "generation",
                           (json_int_t)strtoll(label_of(record, WB_API_LABEL_REVISION), NULL, 10),
                           "spec", spec);
}

void gateway_revision_put(struct gateway *g, wb_ms now, const json_t *record)
{
    char key[KEY_CAP];
    key_of_record(key, record);
    json_t *object = as_application(record);
    struct wb_api_problem problem = {0};
    struct gateway_application *app = calloc(1, sizeof *app);
    struct gateway_application *old = table_find(&g->revisions, key);
    (void)now;
    if (object == NULL) {
        wb_api_problem_set(&problem, WB_ERR_FORMAT, "data: no spec.json in it");
    }
    if (app == NULL || object == NULL ||
        wb_api_application_parse(&app->api, object, &problem) != WB_OK ||
        application_load(app, &problem) != WB_OK) {
        act_log(g, WB_PROTOCOL_LOG_WARNING, "bad_revision", "record=%s reason=\"%s\"",
                wb_api_text_at(record, "", "metadata", "name", NULL), problem.text);
        application_free(app);
        json_decref(object);
        return;
    }
    json_decref(object);
    snprintf(app->key, sizeof app->key, "%s", key);
    if (table_put(&g->revisions, app->key, app) != WB_OK) {
        application_free(app);
        return;
    }
    application_free(old);
    desired_all(g);
}

void gateway_revision_remove(struct gateway *g, wb_ms now, const json_t *record)
{
    char key[KEY_CAP];
    key_of_record(key, record);
    struct gateway_application *app = table_find(&g->revisions, key);
    (void)now;
    if (app != NULL) {
        table_remove(&g->revisions, key);
        application_free(app);
    }
}
