/* SPDX-License-Identifier: AGPL-3.0-only */
/* Replays a corpus without libFuzzer, with any compiler: every file of every folder named, and
 * every prefix of it up to 512 bytes, so that truncation is tried even with few seeds. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    static uint8_t data[1 << 20];
    size_t len = fread(data, 1, sizeof data, file);
    fclose(file);
    for (size_t n = 0; n <= len && n <= 512; n++) {
        uint8_t *copy =
            malloc(n == 0 ? 1 : n); /* exact size, so that a sanitizer sees each overrun */
        for (size_t i = 0; i < n; i++) {
            copy[i] = data[i];
        }
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }
    LLVMFuzzerTestOneInput(data, len);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            perror(argv[i]);
            return 1;
        }
        struct dirent *entry;
        while ((entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] == '.') {
                continue;
            }
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (run_file(path) != 0) {
                closedir(dir);
                return 1;
            }
            files++;
        }
        closedir(dir);
    }
    printf("%d files replayed\n", files);
    return files == 0; /* an empty corpus is a mistake */
}
