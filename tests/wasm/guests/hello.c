/* SPDX-License-Identifier: AGPL-3.0-only */
/* An ordinary program: arguments, environment, printf of floats, input, exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *name = getenv("NAME");
    char line[64];
    printf("hello %s, %d arguments, %.3f\n", name != NULL ? name : "world", argc - 1, 355.0 / 113);
    for (int i = 1; i < argc; i++) {
        printf("[%s]\n", argv[i]);
    }
    if (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        printf("read <%s>\n", line);
    }
    fprintf(stderr, "to stderr\n");
    return argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
}
