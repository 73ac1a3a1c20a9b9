/* SPDX-License-Identifier: AGPL-3.0-only */
/* selector.c: label selectors of the form {matchLabels, matchExpressions}. */
#include <string.h>

#include "wb_api.h"

static bool contains(const json_t *values, const char *text)
{
    size_t index;
    json_t *value;
    json_array_foreach(values, index, value)
    {
        if (json_is_string(value) && strcmp(json_string_value(value), text) == 0) {
            return true;
        }
    }
    return false;
}

/* As Kubernetes has it: NotIn and DoesNotExist hold for objects without the label. */
static bool expression_matches(const json_t *expression, const json_t *labels)
{
    const char *key = wb_api_text_at(expression, "", "key", NULL);
    const char *operator= wb_api_text_at(expression, "", "operator", NULL);
    const char *value = json_string_value(json_object_get(labels, key));
    const json_t *values = json_object_get(expression, "values");
    if (strcmp(operator, "In") == 0) {
        return value != NULL && contains(values, value);
    }
    if (strcmp(operator, "NotIn") == 0) {
        return value == NULL || !contains(values, value);
    }
    if (strcmp(operator, "Exists") == 0) {
        return value != NULL;
    }
    return strcmp(operator, "DoesNotExist") == 0 && value == NULL;
}

bool wb_api_selector_matches(const json_t *selector, const json_t *labels)
{
    if (!json_is_object(selector)) {
        return false;
    }
    const char *key;
    json_t *wanted;
    json_object_foreach(json_object_get(selector, "matchLabels"), key, wanted)
    {
        const char *value = json_string_value(json_object_get(labels, key));
        if (value == NULL || !json_is_string(wanted) ||
            strcmp(value, json_string_value(wanted)) != 0) {
            return false;
        }
    }
    size_t index;
    json_t *expression;
    json_array_foreach(json_object_get(selector, "matchExpressions"), index, expression)
    {
        if (!expression_matches(expression, labels)) {
            return false;
        }
    }
    return true;
}

#define PATH "spec.deviceSelector"

static enum wb_err check_labels(const json_t *labels, struct wb_api_problem *problem)
{
    const char *key;
    json_t *value;
    if (labels != NULL && !json_is_object(labels)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION,
                                  PATH ".matchLabels: must be an object of strings");
    }
    json_object_foreach((json_t *)labels, key, value)
    {
        if (!wb_api_is_label_key(key)) {
            return wb_api_problem_set(problem, WB_ERR_VALIDATION,
                                      PATH ".matchLabels: \"%.64s\" is no key of a label", key);
        }
        if (!json_is_string(value) || !wb_api_is_label_value(json_string_value(value))) {
            return wb_api_problem_set(
                problem, WB_ERR_VALIDATION,
                PATH
                ".matchLabels.%.64s: the value must be at most 63 letters, digits, '-', '_', '.'",
                key);
        }
    }
    return WB_OK;
}

static enum wb_err check_expression(const json_t *expression, size_t index,
                                    struct wb_api_problem *problem)
{
    static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist"};
    const char *key = wb_api_text_at(expression, "", "key", NULL);
    const char *operator= wb_api_text_at(expression, "", "operator", NULL);
    size_t found = 0;
    while (found < WB_ARRAY_LEN(operators) && strcmp(operator, operators[found]) != 0) {
        found++;
    }
    if (!wb_api_is_label_key(key)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION,
                                  PATH ".matchExpressions[%zu].key: \"%.64s\" is no key of a label",
                                  index, key);
    }
    if (found == WB_ARRAY_LEN(operators)) {
        return wb_api_problem_set(
            problem, WB_ERR_VALIDATION,
            PATH ".matchExpressions[%zu].operator: \"%.32s\" is none of In, NotIn, Exists, "
                 "DoesNotExist",
            index, operator);
    }
    size_t values = json_array_size(json_object_get(expression, "values"));
    if ((found < 2) != (values > 0)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION,
                                  PATH ".matchExpressions[%zu].values: %s with %s", index,
                                  found < 2 ? "are needed" : "are not allowed", operator);
    }
    return WB_OK;
}

enum wb_err wb_api_selector_check(const json_t *selector, struct wb_api_problem *problem)
{
    if (!json_is_object(selector)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION, PATH ": must be an object");
    }
    WB_TRY(check_labels(json_object_get(selector, "matchLabels"), problem));
    const json_t *expressions = json_object_get(selector, "matchExpressions");
    if (expressions != NULL && !json_is_array(expressions)) {
        return wb_api_problem_set(problem, WB_ERR_VALIDATION,
                                  PATH ".matchExpressions: must be a list");
    }
    size_t index;
    json_t *expression;
    json_array_foreach(expressions, index, expression)
    {
        WB_TRY(check_expression(expression, index, problem));
    }
    return WB_OK;
}
