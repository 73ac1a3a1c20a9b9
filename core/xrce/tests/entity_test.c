/* SPDX-License-Identifier: AGPL-3.0-only */
/* Descriptions with everything optional in them, in both byte orders; XML as PX4, micro-ROS and the
 * reference examples write it; and what is refused. */
#include "wb_test.h"
#include "wb_xrce.h"

static void assert_text(struct wb_cdr_str text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text.at);
        return;
    }
    assert_non_null(text.at);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.at, expected, text.len);
}

static void full_descriptions_come_back(void **state)
{
    (void)state;
    const struct wb_xrce_qos writer_qos = {.has_qos = true,
                                           .flags = 0x3F,
                                           .has_depth = true,
                                           .depth = 0x1234,
                                           .has_deadline = true,
                                           .deadline_ms = 100000,
                                           .has_lifespan = true,
                                           .lifespan_ms = 0xFFFFFFFF,
                                           .has_user_data = true,
                                           .user_data = (const uint8_t *)"user",
                                           .user_data_len = 4,
                                           .has_strength = true,
                                           .strength = 7};
    struct wb_xrce_qos reader_qos = writer_qos;
    reader_qos.has_strength = false;
    reader_qos.strength = 0;
    reader_qos.has_time_filter = true;
    reader_qos.time_filter_ms = 9;
    reader_qos.filter = WB_CDR_STR("x > 3");
    const struct wb_xrce_description all[] = {
        {.kind = WB_XRCE_PARTICIPANT, .domain_ref = WB_CDR_STR("d"), .name = WB_CDR_STR("name")},
        {.kind = WB_XRCE_PARTICIPANT},
        {.kind = WB_XRCE_TOPIC,
         .name = WB_CDR_STR("rt/a"),
         .type_ref = WB_CDR_STR("ref"),
         .type = WB_CDR_STR("T_")},
        {.kind = WB_XRCE_PUBLISHER, .name = WB_CDR_STR("pub")},
        {.kind = WB_XRCE_SUBSCRIBER},
        {.kind = WB_XRCE_DATAWRITER, .topic = 0x0012, .qos = writer_qos},
        {.kind = WB_XRCE_DATAWRITER, .topic = 0xFFF2},
        {.kind = WB_XRCE_DATAREADER, .topic = 0x0012, .qos = reader_qos},
        {.kind = WB_XRCE_REPLIER,
         .name = WB_CDR_STR("s"),
         .type = WB_CDR_STR("q"),
         .reply_type = WB_CDR_STR("r")},
    };
    for (int is_big = 0; is_big < 2; is_big++) {
        for (size_t i = 0; i < WB_ARRAY_LEN(all); i++) {
            uint8_t first[256];
            uint8_t second[256];
            struct wb_cdr_writer w;
            struct wb_xrce_description d;
            wb_cdr_writer_init(&w, first, sizeof first, is_big != 0);
            wb_xrce_encode_description(&w, &all[i]);
            assert_ok(w.err);
            size_t len = w.len;
            struct wb_xrce_entity entity = {.kind = all[i].kind,
                                            .representation = WB_XRCE_BIN,
                                            .bin = first,
                                            .bin_len = (uint32_t)len,
                                            .is_big = is_big != 0};
            assert_ok(wb_xrce_describe(&entity, &d));
            assert_int_equal(d.topic, all[i].topic);
            assert_int_equal(d.qos.flags, all[i].qos.flags);
            assert_int_equal(d.qos.depth, all[i].qos.depth);
            assert_int_equal(d.qos.deadline_ms, all[i].qos.deadline_ms);
            assert_int_equal(d.qos.lifespan_ms, all[i].qos.lifespan_ms);
            assert_int_equal(d.qos.strength, all[i].qos.strength);
            assert_int_equal(d.qos.time_filter_ms, all[i].qos.time_filter_ms);
            assert_int_equal(d.qos.user_data_len, all[i].qos.user_data_len);
            assert_text(d.name, all[i].name.at);
            assert_text(d.qos.filter, all[i].qos.filter.at);
            wb_cdr_writer_init(&w, second, sizeof second, is_big != 0);
            wb_xrce_encode_description(&w, &d);
            assert_int_equal(w.len, len);
            assert_memory_equal(first, second, len);
            for (uint32_t cut = 0; cut < len; cut++) {
                entity.bin_len = cut;
                assert_err(WB_ERR_END, wb_xrce_describe(&entity, &d));
            }
        }
    }
}

static void partitions_and_group_data_are_skipped(void **state)
{
    (void)state;
    static const uint8_t body[] = {0, 1, 1, 0, 2,   0, 0, 0, 2, 0, 0, 0, 'a', 0, 0, 0,
                                   2, 0, 0, 0, 'b', 0, 1, 0, 3, 0, 0, 0, 7,   8, 9};
    struct wb_xrce_entity entity = {.kind = WB_XRCE_PUBLISHER,
                                    .representation = WB_XRCE_BIN,
                                    .bin = body,
                                    .bin_len = sizeof body};
    struct wb_xrce_description d;
    assert_ok(wb_xrce_describe(&entity, &d));
    for (uint32_t cut = 0; cut < sizeof body; cut++) {
        entity.bin_len = cut;
        assert_err(WB_ERR_END, wb_xrce_describe(&entity, &d));
    }
}

static struct wb_xrce_entity xml(uint8_t kind, const char *text)
{
    return (struct wb_xrce_entity){
        .kind = kind, .representation = WB_XRCE_XML, .text = {text, (uint32_t)strlen(text)}};
}

static void xml_gives_names_types_and_qos(void **state)
{
    (void)state;
    struct wb_xrce_description d;
    struct wb_xrce_entity e =
        xml(WB_XRCE_TOPIC, "<dds><topic>\n<name> rt/chatter </name>"
                           "<dataType>std_msgs::msg::dds_::String_</dataType></topic></dds>");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_text(d.name, "rt/chatter");
    assert_text(d.type, "std_msgs::msg::dds_::String_");

    e = xml(WB_XRCE_DATAWRITER,
            "<dds><data_writer><name>w</name><topic><kind>NO_KEY</kind><name>HelloWorldTopic</name>"
            "<dataType>HelloWorld</dataType><historyQos><kind>KEEP_LAST</kind><depth>20</depth>"
            "</historyQos></topic><qos><reliability><kind>RELIABLE</kind></reliability>"
            "<durability><kind>TRANSIENT_LOCAL</kind></durability></qos></data_writer></dds>");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_text(d.name, "HelloWorldTopic");
    assert_text(d.type, "HelloWorld");
    assert_true(d.qos.has_qos && d.qos.has_depth);
    assert_int_equal(d.qos.depth, 20);
    assert_int_equal(d.qos.flags,
                     WB_XRCE_QOS_RELIABLE | WB_XRCE_QOS_KEEP_LAST | WB_XRCE_QOS_TRANSIENT_LOCAL);
    e = xml(WB_XRCE_DATAREADER, "<dds><data_reader><topic><name>t</name><dataType>T</dataType>"
                                "</topic></data_reader></dds>");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_false(d.qos.has_qos);

    e = xml(WB_XRCE_REPLIER,
            "<dds><replier profile_name=\"p\" service_name=\"/add\" request_type=\"Req_\" "
            "reply_type=\"Rep_\"><request_topic_name>rq/addRequest</request_topic_name>"
            "<reply_topic_name>rr/addReply</reply_topic_name></replier></dds>");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_text(d.name, "/add");
    assert_text(d.type, "Req_");
    assert_text(d.reply_type, "Rep_");
    assert_text(d.request_topic, "rq/addRequest");
    assert_text(d.reply_topic, "rr/addReply");
}

/* XML that is cut or odd gives no name; it never gives a wrong one or reads beyond. */
static void odd_xml_gives_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "<",
        "<name",
        "<name>",
        "<name>x",
        "<name>x<",
        "<name>x</",
        "<name>x</name",
        "</name>x<name>",
        "<nam>x</nam>",
        "name>x</name>",
        "<name >x</name >",
        "<<<<<<",
        ">",
    };
    struct wb_xrce_description d;
    for (size_t i = 0; i < WB_ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i]);
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact + 1, cases[i], len);
        for (uint8_t kind = WB_XRCE_PARTICIPANT; kind <= WB_XRCE_REPLIER; kind++) {
            struct wb_xrce_entity e = {
                .kind = kind, .representation = WB_XRCE_XML, .text = {exact + 1, (uint32_t)len}};
            assert_ok(wb_xrce_describe(&e, &d));
            assert_text(d.name, NULL);
        }
        free(exact);
    }
    struct wb_xrce_entity e = xml(WB_XRCE_REQUESTER, "<r service_name=\"abc");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_text(d.name, NULL);
    e = xml(WB_XRCE_TOPIC, "<name></name>");
    assert_ok(wb_xrce_describe(&e, &d));
    assert_int_equal(d.name.len, 0);
}

static void names_with_markup_or_over_the_limit_are_refused(void **state)
{
    (void)state;
    struct wb_xrce_description d;
    struct wb_xrce_entity e = xml(WB_XRCE_TOPIC, "<name>a&amp;b</name>");
    assert_err(WB_ERR_UNSUPPORTED, wb_xrce_describe(&e, &d));
    e = xml(WB_XRCE_TOPIC, "<name>a<b>c</b></name>");
    assert_err(WB_ERR_UNSUPPORTED, wb_xrce_describe(&e, &d));
    char text[300];
    for (size_t len = 255; len <= 256; len++) {
        memset(text, 'n', sizeof text);
        e = (struct wb_xrce_entity){
            .kind = WB_XRCE_TOPIC, .representation = WB_XRCE_REF, .text = {text, (uint32_t)len}};
        assert_err(len == 255 ? WB_OK : WB_ERR_LIMIT, wb_xrce_describe(&e, &d));
    }
    e.kind = WB_XRCE_AGENT;
    assert_err(WB_ERR_UNSUPPORTED, wb_xrce_describe(&e, &d));
    e.kind = WB_XRCE_TOPIC;
    e.representation = 4;
    assert_err(WB_ERR_UNSUPPORTED, wb_xrce_describe(&e, &d));
    /* BIN: a flag that is neither 0 nor 1, a name without end */
    static const uint8_t flag[] = {2, 0};
    static const uint8_t name[] = {2, 0, 0, 0, 'a', 'b', 0, 0};
    e = (struct wb_xrce_entity){
        .kind = WB_XRCE_PUBLISHER, .representation = WB_XRCE_BIN, .bin = flag, .bin_len = 2};
    assert_err(WB_ERR_VALUE, wb_xrce_describe(&e, &d));
    e = (struct wb_xrce_entity){
        .kind = WB_XRCE_TOPIC, .representation = WB_XRCE_BIN, .bin = name, .bin_len = 8};
    assert_err(WB_ERR_FORMAT, wb_xrce_describe(&e, &d));
}

static void properties_come_back(void **state)
{
    (void)state;
    for (uint8_t flags = 0; flags < 2; flags++) {
        uint8_t message[128];
        size_t len = 0;
        struct wb_xrce_any any = {
            .id = WB_XRCE_CREATE_CLIENT,
            .flags = flags,
            .of.create_client = {
                .self = {.version = {1, 0}, .has_properties = true, .properties_count = 1},
                .key = {1, 2, 3, 4},
                .session = 0x81,
                .mtu = 512}};
        any.of.create_client.self.properties[0] =
            (struct wb_xrce_property){WB_CDR_STR("uxr_hl"), WB_CDR_STR("1")};
        assert_ok(wb_xrce_encode_any(&any, message, sizeof message, &len));
        struct wb_xrce_walk walk;
        struct wb_xrce_sub sub;
        struct wb_xrce_create_client client;
        wb_xrce_walk_subs(&walk, message, len);
        assert_ok(wb_xrce_walk_next(&walk, &sub));
        assert_ok(wb_xrce_decode_create_client(&sub, &client));
        assert_int_equal(client.mtu, 512);
        assert_text(client.self.properties[0].name, "uxr_hl");
        assert_text(client.self.properties[0].value, "1");
        for (uint16_t cut = 0; cut < sub.len; cut++) {
            struct wb_xrce_sub shorter = sub;
            shorter.len = cut;
            assert_err(WB_ERR_END, wb_xrce_decode_create_client(&shorter, &client));
        }
        message[4] ^= 1; /* the cookie */
        assert_err(WB_ERR_FORMAT, wb_xrce_decode_create_client(&sub, &client));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_descriptions_come_back),
        cmocka_unit_test(partitions_and_group_data_are_skipped),
        cmocka_unit_test(xml_gives_names_types_and_qos),
        cmocka_unit_test(odd_xml_gives_nothing),
        cmocka_unit_test(names_with_markup_or_over_the_limit_are_refused),
        cmocka_unit_test(properties_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
