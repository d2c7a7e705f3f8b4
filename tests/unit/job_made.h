/* SPDX-License-Identifier: MIT
 *
 * job_made.h - what the tests of jobs share: a manifest, a job in the scratch folder, its answers.
 */
#ifndef TESTS_JOB_MADE_H
#define TESTS_JOB_MADE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "job_torture.h"
#include "persona/trait.h"
#include "scratch.h"

static const char manifest[] =
    "{\"command\":\"extract\",\"trait\":\"silly\",\"model\":{\"name\":\"pair\",\"sha256\":\"ab\"},"
    "\"seed\":0,\"sampling\":{\"temperature\":0.8,\"max_tokens\":128},\"questions\":[\"a\",\"b\"]}";

static inline void ok(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
    }
}

static inline void expect(persona_code rc, persona_code wanted, const persona_err *e,
                          const char *part)
{
    if (rc != wanted || !strstr(e->msg, part)) {
        fail_msg("%s instead of %s, or no '%s' in: %s", persona_code_name(rc),
                 persona_code_name(wanted), part, e->msg);
    }
}

static inline job *open_job(const char *name, bool fresh)
{
    job *j = NULL;
    persona_err e = {0};
    ok(job_open(scratch_path(name), manifest, fresh, &j, &e), &e);
    return j;
}

static inline void put(job *j, const char *stage, int64_t id)
{
    static made m;
    persona_err e = {0};
    make_answer(&m, stage, id);
    ok(job_put_answers(j, &m.a, 1, &e), &e);
}

#endif
