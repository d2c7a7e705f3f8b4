/* SPDX-License-Identifier: MIT
 *
 * test_open.c - opening a model and hashing its file can be interrupted, and only then are.
 */
#include "models.h"

static const char path[] = PERSONA_SOURCE_DIR "/models/persona-qwen2.gguf";

static void interrupted(void **state)
{
    (void)state;
    persona_cancel cancel = {0};
    persona_model_opts o = persona_model_defaults();
    persona_model *m = NULL;
    persona_err e = {0};
    const char *sha = NULL;
    o.cancel = &cancel;
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_OK);
    persona_cancel_set(&cancel);
    assert_int_equal(persona_model_sha256(m, &sha, &e), PERSONA_E_CANCELED);
    assert_non_null(strstr(e.msg, "persona-qwen2.gguf: hashing was interrupted"));
    assert_string_equal(sha, "");
    persona_model_free(m);
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_E_CANCELED);
    assert_null(m);
    o.cancel = NULL;
    assert_int_equal(persona_model_open(path, &o, &m, &e), PERSONA_OK);
    assert_int_equal(persona_model_sha256(m, &sha, &e), PERSONA_OK);
    assert_int_equal(strlen(sha), 64);
    persona_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(interrupted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
