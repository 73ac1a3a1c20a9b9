/* SPDX-License-Identifier: AGPL-3.0-only */
/* crds.c: writes deploy/crds/<plural>.yaml of every kind. Usage: wb_crds FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "wb_api.h"

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

static bool write_kind(const char *folder, const struct wb_api_kind *kind)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.yaml", folder, kind->plural);
    char *yaml = wb_api_crd_yaml(kind);
    FILE *file = yaml != NULL ? fopen(path, "w") : NULL;
    bool ok = file != NULL && fputs(yaml, file) >= 0;
    ok = (file == NULL || fclose(file) == 0) && ok;
    free(yaml);
    if (!ok) {
        perror(path);
    }
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: wb_crds FOLDER\n");
        return 2;
    }
    bool ok = true;
    for (int id = 0; id < WB_API_KIND_COUNT; id++) {
        ok = write_kind(argv[1], wb_api_kind_get((enum wb_api_kind_id)id)) && ok;
    }
    return ok ? 0 : 1;
}
