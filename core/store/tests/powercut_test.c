/* SPDX-License-Identifier: AGPL-3.0-only */
/* The proof: a workload of puts, removes, image installs, replaces and removes runs step by step.
 * Each step is repeated from the same flash with the power cut at its 1st, 2nd, 3rd … flash
 * operation, torn in several ways; after each cut the store is mounted, with further cuts during
 * the mount's own operations, and compared with a model: everything acknowledged is there, the step
 * under way is done or not done, nothing else exists. Then the step is repeated, for the store must
 * still be usable. */
#include "wb_flash_sim.h"
#include "wb_store.h"
#include "wb_test.h"

#define KEYS      10
#define IMAGES    3
#define VALUE_MAX 300

struct value {
    bool exists;
    uint16_t len;
    uint8_t fill;
};

struct image {
    uint32_t size; /* 0: none */
    uint8_t fill;
    uint16_t id;
};

struct model {
    struct value values[KEYS];
    struct image images[IMAGES]; /* one an application: its name is the meta */
};

enum step_kind { PUT, REMOVE, INSTALL, UNINSTALL };

struct step {
    enum step_kind kind;
    uint32_t which;
    struct value value;
    struct image image;
};

static uint64_t cuts;
static uint64_t mount_cuts;

static uint8_t value_byte(const struct value *value, size_t i)
{
    return (uint8_t)(value->fill + i);
}

/* Zeros and 0xff come often: the former look like half-programmed words, the latter like erased
 * ones. */
static uint8_t image_byte(const struct image *image, uint32_t i)
{
    uint8_t byte = (uint8_t)(image->fill + i * 5);
    return i % 7 == 0 ? 0xff : i % 11 == 0 ? 0 : byte;
}

static struct step draw_step(struct wb_random *random, uint32_t image_max)
{
    struct step step = {0};
    uint32_t roll = wb_random_below(random, 10);
    step.kind = roll < 6 ? PUT : roll < 7 ? REMOVE : roll < 9 ? INSTALL : UNINSTALL;
    step.which = wb_random_below(random, step.kind <= REMOVE ? KEYS : IMAGES);
    step.value.exists = true;
    step.value.len = (uint16_t)wb_random_below(random, VALUE_MAX);
    step.value.fill = (uint8_t)wb_random_next(random);
    step.image.size = 1 + wb_random_below(random, image_max);
    step.image.fill = (uint8_t)wb_random_next(random);
    return step;
}

static enum wb_err do_put(struct wb_store *store, const struct step *step)
{
    uint8_t bytes[VALUE_MAX];
    for (size_t i = 0; i < step->value.len; i++) {
        bytes[i] = value_byte(&step->value, i);
    }
    return wb_store_put(store, (uint16_t)(step->which + 1), bytes, step->value.len);
}

/* Appends like an installer: words, a hole of 0xff that is filled at the end. */
static enum wb_err write_image(struct wb_store_writer *writer, const struct image *image)
{
    static const uint8_t hole[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    WB_TRY(wb_store_image_append(writer, hole, sizeof hole));
    for (uint32_t i = sizeof hole; i < image->size;) {
        uint8_t piece[200];
        uint32_t len = i % 3 == 0 ? 200 : i % 3 == 1 ? 1 : 60;
        len = len < image->size - i ? len : image->size - i;
        for (uint32_t k = 0; k < len; k++) {
            piece[k] = image_byte(image, i + k);
        }
        WB_TRY(wb_store_image_append(writer, piece, len));
        i += len;
    }
    uint8_t head[8];
    for (uint32_t i = 0; i < sizeof head; i++) {
        head[i] = image_byte(image, i);
    }
    return wb_store_image_program(writer, 0, head, sizeof head);
}

/* Installs the new image beside the old one, then removes the old one. done says how far it came.
 */
static enum wb_err do_install(struct wb_store *store, const struct step *step,
                              const struct model *model, struct model *done)
{
    struct wb_store_writer writer;
    struct image image = step->image;
    uint8_t name = (uint8_t)step->which;
    image.size += 8;
    WB_TRY(wb_store_image_begin(store, &writer, image.size));
    enum wb_err err = write_image(&writer, &image);
    if (err != WB_OK) {
        wb_store_image_abort(&writer);
        return err;
    }
    WB_TRY(wb_store_image_commit(&writer, &name, 1, &image.id));
    done->images[step->which] = image;
    uint16_t old = model->images[step->which].size != 0 ? model->images[step->which].id : 0;
    return old != 0 ? wb_store_image_remove(store, old) : WB_OK;
}

/* Carries a step out; *done is the model after it, or as far as it was acknowledged. */
static enum wb_err do_step(struct wb_store *store, const struct step *step,
                           const struct model *model, struct model *done)
{
    *done = *model;
    switch (step->kind) {
    case PUT:
        WB_TRY(do_put(store, step));
        done->values[step->which] = step->value;
        return WB_OK;
    case REMOVE:
        if (!model->values[step->which].exists) {
            return WB_OK;
        }
        WB_TRY(wb_store_remove(store, (uint16_t)(step->which + 1)));
        done->values[step->which].exists = false;
        return WB_OK;
    case INSTALL: return do_install(store, step, model, done);
    case UNINSTALL:
        if (model->images[step->which].size == 0) {
            return WB_OK;
        }
        WB_TRY(wb_store_image_remove(store, model->images[step->which].id));
        done->images[step->which].size = 0;
        return WB_OK;
    }
    return WB_ERR_STATE;
}

static bool has_value(const struct wb_store *store, uint32_t which, const struct value *value)
{
    uint8_t bytes[WB_STORE_VALUE_MAX];
    size_t len;
    enum wb_err err = wb_store_get(store, (uint16_t)(which + 1), bytes, sizeof bytes, &len);
    if (!value->exists) {
        return err == WB_ERR_NOT_FOUND;
    }
    if (err != WB_OK || len != value->len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != value_byte(value, i)) {
            return false;
        }
    }
    return true;
}

static bool is_image(const struct wb_store *store, const struct wb_store_image *found,
                     const struct image *image)
{
    if (found->size != image->size || wb_store_image_check(store, found->id) != WB_OK) {
        return false;
    }
    const uint8_t *data = found->data;
    for (uint32_t i = 0; i < image->size; i++) {
        if (data[i] != image_byte(image, i)) {
            return false;
        }
    }
    return true;
}

/* Compares the store with the model; what the step under way touches may be as before or as after.
 * After an install that was cut both images may exist. The ids of images are learnt here. */
static void check(const struct wb_store *store, struct model *model, const struct step *step)
{
    for (uint32_t which = 0; which < KEYS; which++) {
        bool before = has_value(store, which, &model->values[which]);
        bool touched = step != NULL && step->kind <= REMOVE && step->which == which;
        struct value after = step == NULL || step->kind == REMOVE ? (struct value){0} : step->value;
        if (!before && touched && has_value(store, which, &after)) {
            model->values[which] = after;
        } else if (!before) {
            fail_msg("record %u is neither old nor new", which + 1);
        }
    }
    struct image seen[IMAGES] = {0};
    unsigned doubles = 0;
    for (uint16_t id = 0; (id = wb_store_image_next(store, id)) != 0;) {
        struct wb_store_image found;
        uint8_t name;
        size_t len;
        assert_ok(wb_store_image_find(store, id, &found));
        assert_ok(wb_store_image_meta(store, id, &name, 1, &len));
        assert_int_equal(len, 1);
        assert_true(name < IMAGES);
        struct image old = model->images[name];
        struct image fresh = {0};
        if (step != NULL && step->kind == INSTALL && step->which == name) {
            fresh = step->image;
            fresh.size += 8;
        }
        bool is_old = old.size != 0 && old.id == id && is_image(store, &found, &old);
        bool is_new = fresh.size != 0 && is_image(store, &found, &fresh);
        assert_true(is_old || is_new);
        if (seen[name].size != 0) {
            assert_true(fresh.size != 0);
            doubles++;
        }
        seen[name] = is_old ? old : fresh; /* ids ascend: the new one wins */
        seen[name].id = id;
    }
    assert_true(doubles <= 1);
    for (uint32_t name = 0; name < IMAGES; name++) {
        bool touched = step != NULL && step->kind >= INSTALL && step->which == name;
        if (model->images[name].size != 0 && seen[name].size == 0) {
            assert_true(touched && step->kind == UNINSTALL);
        }
        model->images[name] = seen[name];
    }
}

/* What the agent does at start: of two images of one name the older goes. */
static void tidy(struct wb_store *store, const struct model *model)
{
    for (uint16_t id = 0; (id = wb_store_image_next(store, id)) != 0;) {
        uint8_t name;
        size_t len;
        assert_ok(wb_store_image_meta(store, id, &name, 1, &len));
        if (model->images[name].id != id) {
            assert_ok(wb_store_image_remove(store, id));
        }
    }
}

struct run {
    struct wb_flash_sim sim;
    uint8_t records;
    uint8_t *before; /* flash before the step */
    uint8_t *after;  /* and after it */
    uint8_t *torn;   /* after a cut */
};

static void load(struct run *run, const uint8_t *flash, uint64_t cut_at)
{
    memcpy(run->sim.bytes, flash, run->sim.flash.size);
    wb_flash_sim_power_on(&run->sim, cut_at);
}

/* Mounts what a cut left, cutting the mount itself at each of its operations first. */
static void remount(struct run *run, struct wb_store *store)
{
    memcpy(run->torn, run->sim.bytes, run->sim.flash.size);
    load(run, run->torn, 0);
    assert_ok(wb_store_mount(store, &run->sim.flash, run->records));
    uint64_t ops = run->sim.ops;
    for (uint64_t cut = 1; cut <= ops; cut++) {
        load(run, run->torn, cut);
        assert_err(WB_ERR_FLASH, wb_store_mount(store, &run->sim.flash, run->records));
        wb_flash_sim_power_on(&run->sim, 0);
        assert_ok(wb_store_mount(store, &run->sim.flash, run->records));
        mount_cuts++;
    }
}

static void cut_step(struct run *run, const struct step *step, const struct model *model,
                     uint64_t cut)
{
    struct wb_store store;
    struct model done;
    struct model seen;
    load(run, run->before, 0);
    assert_ok(wb_store_mount(&store, &run->sim.flash, run->records));
    wb_flash_sim_power_on(&run->sim, cut);
    assert_err(WB_ERR_FLASH, do_step(&store, step, model, &done));
    remount(run, &store);
    cuts++;
    seen = *model;
    check(&store, &seen, step);
    /* An acknowledged commit whose removal of the old one was cut must have stayed. */
    if (step->kind == INSTALL && done.images[step->which].id != model->images[step->which].id) {
        assert_int_equal(seen.images[step->which].id, done.images[step->which].id);
    }
    tidy(&store, &seen);
    check(&store, &seen, NULL);
    enum wb_err err = do_step(&store, step, &seen, &done);
    assert_true(err == WB_OK || err == WB_ERR_FULL);
    check(&store, &done, NULL);
}

static void run_workload(uint64_t seed, uint32_t sector_size, uint32_t sectors, uint8_t records,
                         uint32_t image_max, unsigned steps, unsigned tears)
{
    struct run run = {.records = records};
    struct wb_random random = {seed};
    struct wb_store store;
    struct model model = {0};
    unsigned full = 0;
    wb_flash_sim_new(&run.sim, sector_size, sectors, seed);
    run.before = malloc(run.sim.flash.size);
    run.after = malloc(run.sim.flash.size);
    run.torn = malloc(run.sim.flash.size);
    assert_ok(wb_store_format(&store, &run.sim.flash, records));
    for (unsigned i = 0; i < steps; i++) {
        struct step step = draw_step(&random, image_max);
        struct model done;
        memcpy(run.before, run.sim.bytes, run.sim.flash.size);
        wb_flash_sim_power_on(&run.sim, 0);
        assert_ok(wb_store_mount(&store, &run.sim.flash, records));
        wb_flash_sim_power_on(&run.sim, 0);
        enum wb_err err = do_step(&store, &step, &model, &done);
        if (err != WB_OK) {
            assert_err(WB_ERR_FULL, err);
            full++;
        }
        check(&store, &done, NULL);
        uint64_t ops = run.sim.ops;
        memcpy(run.after, run.sim.bytes, run.sim.flash.size);
        for (uint64_t cut = 1; err == WB_OK && cut <= ops; cut++) {
            for (unsigned tear = 0; tear < tears; tear++) {
                cut_step(&run, &step, &model, cut);
            }
        }
        load(&run, run.after, 0);
        model = done;
    }
    printf("%u sectors of %u bytes, R=%u: %u steps (%u full), %llu cuts so far, %llu in mounts\n",
           sectors, sector_size, store.sectors, steps, full, (unsigned long long)cuts,
           (unsigned long long)mount_cuts);
    free(run.before);
    free(run.after);
    free(run.torn);
    wb_flash_sim_free(&run.sim);
}

static void nothing_acknowledged_is_lost_at_any_cut(void **state)
{
    (void)state;
    run_workload(1, 1024, 8, 2, 900, 60, 3);
    run_workload(2, 1024, 16, 4, 2500, 80, 3);
    run_workload(3, 4096, 16, 0, 6000, 25, 2);
    run_workload(4, 4096, 8, 2, 3000, 60, 2);
    run_workload(5, 131072, 8, 2, 2000, 10, 1);
}

static void nothing_is_lost_with_a_fresh_seed(void **state)
{
    (void)state;
    uint64_t seed = wb_seed("store power cut");
    run_workload(seed, 1024, 10, 3, 1500, 60, 2);
    run_workload(seed + 1, 2048, 12, 2, 1500, 60, 2);
}

/* One store that runs on and on, cut at random points, without ever being reset to a snapshot. */
static void survives_a_long_life_of_cuts(void **state)
{
    (void)state;
    uint64_t seed = wb_seed("store long life");
    struct wb_random random = {seed};
    struct wb_flash_sim sim;
    struct wb_store store;
    struct model model = {0};
    unsigned lives = 0;
    wb_flash_sim_new(&sim, 1024, 16, seed);
    assert_ok(wb_store_format(&store, &sim.flash, 4));
    wb_flash_sim_power_on(&sim, 1 + wb_random_below(&random, 60));
    for (int i = 0; i < 4000; i++) {
        struct step step = draw_step(&random, 2000);
        struct model done;
        enum wb_err err = do_step(&store, &step, &model, &done);
        if (err == WB_OK || err == WB_ERR_FULL) {
            model = done;
            continue;
        }
        assert_err(WB_ERR_FLASH, err);
        do { /* the mount is cut sometimes, too */
            wb_flash_sim_power_on(&sim, wb_random_below(&random, 2));
            err = wb_store_mount(&store, &sim.flash, 4);
        } while (err == WB_ERR_FLASH);
        assert_ok(err);
        check(&store, &model, &step);
        wb_flash_sim_power_on(&sim, 0);
        tidy(&store, &model);
        wb_flash_sim_power_on(&sim, 1 + wb_random_below(&random, 60));
        lives++;
    }
    printf("4000 steps in %u lives\n", lives);
    wb_flash_sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_at_any_cut),
        cmocka_unit_test(nothing_is_lost_with_a_fresh_seed),
        cmocka_unit_test(survives_a_long_life_of_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
