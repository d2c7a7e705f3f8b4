/* SPDX-License-Identifier: MIT
 *
 * job_speed.c - how fast a job has been (job_speed.h).
 */
#include "server/jobs/job_speed.h"

#include <math.h>

static void halve(job_speed *s)
{
    for (size_t i = 0; i + 1 < s->n; i += 2) {
        const job_speed_point a = s->points[i], b = s->points[i + 1];
        s->points[i / 2] = (job_speed_point){b.at, (a.rate + b.rate) / 2};
    }
    s->n /= 2;
    s->every *= 2;
}

void job_speed_add(job_speed *s, double now, int64_t at, size_t n_tokens)
{
    if (!(s->every > 0) || n_tokens < s->n_tokens) { /* a further run counts anew */
        s->every = s->every > 0 ? s->every : 1;
        s->last = now;
        s->n_tokens = n_tokens;
        return;
    }
    if (now - s->last < s->every) {
        return;
    }
    if (s->n == JOB_SPEEDS) {
        halve(s);
    }
    s->points[s->n++] = (job_speed_point){at, (double)(n_tokens - s->n_tokens) / (now - s->last)};
    s->last = now;
    s->n_tokens = n_tokens;
}

void job_round_add(job_round *r, double now, bool next, size_t done, size_t total)
{
    if (next || done < r->done || total != r->total) {
        r->begun = now;
        r->first = done;
    }
    r->done = done;
    r->total = total;
}

#define SOON_S 0.5 /* what is measured over less says nothing */

double job_round_left(const job_round *r, double now)
{
    const double since = now - r->begun;
    return since > SOON_S && r->done > r->first && r->total >= r->done
               ? since * (double)(r->total - r->done) / (double)(r->done - r->first)
               : (double)NAN;
}
