/* SPDX-License-Identifier: MIT
 *
 * test_devices.c - naming devices when a model is opened.
 */
#include "models.h"

static persona_code open_with(const char *devices, persona_model **m, persona_err *e)
{
    char path[512];
    persona_model_opts o = persona_model_defaults();
    o.devices = devices;
    snprintf(path, sizeof path, "%s/models/%s", PERSONA_SOURCE_DIR, MODEL_FILES[0]);
    return persona_model_open(path, &o, m, e);
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"Warp9", "", "CPU,", "CPU,Warp9"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        persona_model *m = NULL;
        persona_err e = {0};
        assert_int_equal(open_with(BAD[i], &m, &e), PERSONA_E_USAGE);
        assert_null(m);
        assert_non_null(strstr(e.msg, persona_engine_device(0))); /* says which there are */
    }
    assert_null(persona_engine_device(persona_engine_device_count()));
}

/* A name in any case; the processor alone computes as it does by default. */
static void the_processor_by_name(void **state)
{
    (void)state;
    persona_model *m = NULL;
    persona_err e = {0};
    must(open_with(NULL, &m, &e), &e);
    persona_model_free(m);
    must(open_with("cpu", &m, &e), &e);
    persona_session *s = session(m, small(1));
    persona_tokens t = chat(m, NULL, "What is rain?");
    record r;
    const persona_request q = request(&t, &r, 4);
    run(s, &q, 1);
    assert_int_equal(r.n_tokens, 4);
    persona_tokens_free(&t);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(the_processor_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
