/* SPDX-License-Identifier: AGPL-3.0-only */
/* Runs random modules here and in wabt's wasm-interp and compares results and traps of every
 * export. Usage: differential COUNT [SEED]       seeds SEED, SEED + 1, …; SEED defaults to a fresh
 * one differential write SEED FILE    writes the module of a seed Prints the seed of every
 * difference; ends with "N passed, N failed". */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "generate.h"
#include "wb_wasm.h"

#define TEXT_MAX    (64u * 1024u)
#define STACK_BYTES (1024u * 1024u)
#define ARENA_BYTES (4u * 1024u * 1024u)

extern char **environ;

_Noreturn void wb_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    abort();
}

/* ---- here --------------------------------------------------------------------------------------
 */

struct image {
    uint8_t *bytes;
    size_t len;
};
static uint32_t image_words[(4u << 20) / 4];

static enum wb_err image_append(void *ctx, const void *bytes, size_t len)
{
    struct image *image = ctx;
    if (image->len + len > sizeof image_words) {
        return WB_ERR_FULL;
    }
    memcpy(image->bytes + image->len, bytes, len);
    image->len += len;
    return WB_OK;
}

static enum wb_err image_program(void *ctx, uint32_t offset, uint32_t word)
{
    (void)ctx;
    image_words[offset / 4] &= word;
    return WB_OK;
}

static enum wb_err image_read(void *ctx, uint32_t offset, void *buf, size_t len)
{
    memcpy(buf, ((struct image *)ctx)->bytes + offset, len);
    return WB_OK;
}

/* Traps by classes that both engines have words for. */
static const struct {
    enum wb_wasm_trap_kind kind;
    const char *theirs;
} traps[] = {
    {WB_WASM_TRAP_UNREACHABLE, "unreachable executed"},
    {WB_WASM_TRAP_MEMORY_BOUNDS, "out of bounds memory access"},
    {WB_WASM_TRAP_TABLE_BOUNDS, "out of bounds table access"},
    {WB_WASM_TRAP_UNDEFINED_ELEMENT, "undefined table index"},
    {WB_WASM_TRAP_UNINITIALIZED_ELEMENT, "uninitialized table element"},
    {WB_WASM_TRAP_SIGNATURE, "indirect call signature mismatch"},
    {WB_WASM_TRAP_DIVIDE_BY_ZERO, "integer divide by zero"},
    {WB_WASM_TRAP_INTEGER_OVERFLOW, "integer overflow"},
    {WB_WASM_TRAP_CONVERSION, "invalid conversion to integer"},
    {WB_WASM_TRAP_STACK, "call stack exhausted"},
};

static const char *trap_word(enum wb_wasm_trap_kind kind)
{
    for (size_t i = 0; i < WB_ARRAY_LEN(traps); i++) {
        if (traps[i].kind == kind) {
            return traps[i].theirs;
        }
    }
    return wb_wasm_trap_str(kind);
}

static enum wb_wasm_status run(struct wb_wasm_instance *inst, unsigned slice)
{
    for (unsigned i = 0; i < 100000; i++) {
        enum wb_wasm_status status = wb_wasm_run(inst, slice);
        if (status != WB_WASM_OUT_OF_FUEL) {
            return status;
        }
    }
    return WB_WASM_OUT_OF_FUEL;
}

/* Runs all exports in order and writes what wasm-interp would print. */
static bool ours(uint64_t seed, const uint8_t *module, size_t len, char *text)
{
    static uint32_t mem[4096];
    static uint64_t arena[ARENA_BYTES / 8];
    static struct wb_wasm_instance inst;
    struct wb_wasm_install x;
    struct image image = {(uint8_t *)image_words, 0};
    struct wb_wasm_install_cfg cfg = {.sink = {image_append, image_program, image_read, &image},
                                      .mem = mem,
                                      .mem_len = sizeof mem};
    size_t chunk = 1 + seed % 97;
    enum wb_err err = wb_wasm_install_init(&x, &cfg);
    for (size_t at = 0; err == WB_OK && at < len; at += chunk) {
        err = wb_wasm_install_feed(&x, module + at, len - at < chunk ? len - at : chunk);
    }
    err = err == WB_OK ? wb_wasm_install_finish(&x, NULL) : err;
    if (err != WB_OK) {
        snprintf(text, TEXT_MAX, "refused: %s at offset 0x%x of function %u\n",
                 x.fault.what != NULL ? x.fault.what : wb_err_str(err), x.fault.where[1],
                 x.fault.where[0]);
        return false;
    }
    struct wb_wasm_image opened;
    struct wb_fault fault = {0};
    const struct wb_wasm_instance_cfg instance = {.stack_bytes = STACK_BYTES, .table_extra = 16};
    err = wb_wasm_image_open(&opened, image_words, image.len);
    err = err == WB_OK
              ? wb_wasm_instance_init(&inst, &opened, arena, sizeof arena, &instance, &fault)
              : err;
    if (err != WB_OK) {
        snprintf(text, TEXT_MAX, "not started: %s\n", wb_err_str(err));
        return false;
    }
    struct wb_wasm_entry entry;
    size_t at = 0;
    for (uint32_t cursor = 0; wb_wasm_export_next(&opened, &cursor, &entry);) {
        uint64_t results[16];
        at += (size_t)snprintf(text + at, TEXT_MAX - at, "%.*s() =>", entry.name_len, entry.name);
        err = wb_wasm_call(&inst, entry.index, NULL, 0);
        enum wb_wasm_status status = run(&inst, seed % 3 == 0 ? 50 : 1000000);
        if (err != WB_OK || status == WB_WASM_OUT_OF_FUEL) {
            at += (size_t)snprintf(text + at, TEXT_MAX - at, " did not end\n");
        } else if (status == WB_WASM_TRAP) {
            struct wb_wasm_trap trap;
            wb_wasm_trap_get(&inst, &trap);
            at += (size_t)snprintf(text + at, TEXT_MAX - at, " error: %s\n", trap_word(trap.kind));
        } else {
            size_t count = wb_wasm_results(&inst, results, WB_ARRAY_LEN(results));
            for (size_t i = 0; i < count; i++) {
                at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s i64:%llu", i > 0 ? "," : "",
                                       (unsigned long long)results[i]);
            }
            at += (size_t)snprintf(text + at, TEXT_MAX - at, "\n");
        }
    }
    return true;
}

/* ---- there -------------------------------------------------------------------------------------
 */

/* Cuts what wabt says behind the trap's class ("…: access at 100000+4 …"). */
static void details_cut(char *text)
{
    char *to = text;
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        char *next = end != NULL ? end + 1 : line + strlen(line);
        size_t len = end != NULL ? (size_t)(end - line) : strlen(line);
        char *error = strstr(line, "error: ");
        if (error != NULL && error < line + len) {
            char *colon = memchr(error + 7, ':', (size_t)(line + len - error - 7));
            len = colon != NULL ? (size_t)(colon - line) : len;
        }
        memmove(to, line, len);
        to += len;
        *to++ = '\n';
        line = next;
    }
    *to = '\0';
}

static bool theirs(const char *path, char *text)
{
    int out[2];
    pid_t pid;
    const char *argv[] = {"wasm-interp", "--run-all-exports", "--enable-tail-call", path, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe(out) != 0) {
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    size_t len = 0;
    ssize_t n;
    while (failed == 0 && (n = read(out[0], text + len, TEXT_MAX / 2 - 1 - len)) > 0) {
        len += (size_t)n;
    }
    close(out[0]);
    text[len] = '\0';
    if (failed != 0) {
        errno = failed;
        return false;
    }
    waitpid(pid, NULL, 0);
    details_cut(text);
    return true;
}

/* ---- the comparison ----------------------------------------------------------------------------
 */

static bool file_write(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    bool is_written = file != NULL && fwrite(bytes, 1, len, file) == len;
    if (file != NULL) {
        is_written = fclose(file) == 0 && is_written;
    }
    return is_written;
}

/* The first line that differs. */
static void difference_print(uint64_t seed, const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        size_t a_len = strcspn(a, "\n");
        size_t b_len = strcspn(b, "\n");
        if (a_len != b_len || memcmp(a, b, a_len) != 0) {
            break;
        }
        a += a_len + (a[a_len] == '\n');
        b += b_len + (b[b_len] == '\n');
    }
    printf("DIFFERENT seed %llu (`differential write SEED FILE` makes its module)\n"
           "  ours:   %.*s\n  theirs: %.*s\n",
           (unsigned long long)seed, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

int main(int argc, char **argv)
{
    static uint8_t module[GENERATE_MAX];
    static char mine[TEXT_MAX], other[TEXT_MAX];
    if (argc == 4 && strcmp(argv[1], "write") == 0) {
        size_t len = generate_module(strtoull(argv[2], NULL, 10), module);
        return file_write(argv[3], module, len) ? 0 : 1;
    }
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    time_t end = argc > 3 ? time(NULL) + strtol(argv[3], NULL, 10) : 0;
    seed = seed != 0 ? seed : (uint64_t)time(NULL) * 1000000u;
    char path[] = "/tmp/wb-differential-XXXXXX";
    int fd = mkstemp(path);
    unsigned long passed = 0;
    unsigned long failed = 0;
    unsigned long results = 0;
    unsigned long trapped = 0;
    if (fd < 0) {
        perror("differential: temporary file");
        return 1;
    }
    close(fd);
    printf("%lu modules from seed %llu\n", count, (unsigned long long)seed);
    for (unsigned long i = 0; i < count && (end == 0 || time(NULL) < end); i++, seed++) {
        size_t len = generate_module(seed, module);
        if (!file_write(path, module, len) || !theirs(path, other)) {
            printf("skipped: wasm-interp (package wabt) cannot be run: %s\n", strerror(errno));
            unlink(path);
            return 77;
        }
        (void)ours(seed, module, len, mine);
        if (strcmp(mine, other) == 0) {
            passed++;
        } else {
            failed++;
            difference_print(seed, mine, other);
        }
        for (const char *p = mine; *p != '\0'; p++) {
            results += *p == '>';
            trapped += strncmp(p, "error:", 6) == 0;
        }
    }
    unlink(path);
    printf("%lu calls, %lu of them trapped\n", results, trapped);
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
