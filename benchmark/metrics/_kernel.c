/* Joint label counts, surfaces and exact surface distances of two label maps.
 *
 * metrics/twin.py does the same with NumPy and SciPy, and both give the same bits: a distance is
 * the least of (dz2 + dy2) + dx2 in float64 over whole-voxel steps, where dx2 is the square of
 * step times spacing from a table that Python computes. Rounding is monotone, so that the least
 * value does not depend on the order in which steps are tried, and neither kernel may contract
 * the sum into fused operations (-ffp-contract=off).
 *
 * A voxel is a 16-bit word: bit r says that the reference holds it in region r, bit 8 + r that
 * the compared map does. Word operations so treat all regions and both maps at once.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* SHA-256 of this file with the digits below taken out. metrics/kernel.py refuses a build of
 * another text, so change the digits (its message names them) and build again. */
#define SOURCE_HASH "b0972ed41a2e151d66ff2e905acad2d294ea2336a4b61da945244954f3972055"

typedef uint16_t word;

/* Both halves exchanged: what the reference holds stands where the compared map's bits are. */
static inline word swapped(word w) { return (word)(w >> 8 | w << 8); }

static inline uint64_t eight(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline int lowest(uint64_t v)
{
#if defined(__GNUC__)
    return __builtin_ctzll(v);
#else
    int n = 0;
    while (!(v & 1)) {
        v >>= 1;
        n++;
    }
    return n;
#endif
}

/* A label map: (slice, row, column) uint8, columns contiguous. */
typedef struct {
    const uint8_t *data;
    Py_ssize_t nz, ny, nx, sz, sy;
} map;

static inline const uint8_t *row_of(const map *m, Py_ssize_t z, Py_ssize_t y)
{
    return m->data + z * m->sz + y * m->sy;
}

#define SPLAT 0x0101010101010101ULL

/* The next column from x on whose block of eight is not background in both rows; nx if none. */
static inline Py_ssize_t next_block(const uint8_t *a, const uint8_t *b, Py_ssize_t x, Py_ssize_t nx)
{
    while (x + 32 <= nx) {
        uint64_t any = (eight(a + x) | eight(a + x + 8)) | (eight(a + x + 16) | eight(a + x + 24));
        any |= (eight(b + x) | eight(b + x + 8)) | (eight(b + x + 16) | eight(b + x + 24));
        if (any)
            break;
        x += 32;
    }
    while (x + 8 <= nx && !(eight(a + x) | eight(b + x)))
        x += 8;
    if (x + 8 > nx) {
        while (x < nx && !(a[x] | b[x]))
            x++;
    }
    return x;
}

/* Built for wider registers too, and chosen when the module is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

WIDE static int is_blank(const uint8_t *a, const uint8_t *b, Py_ssize_t n)
{
    uint8_t any = 0;
    for (Py_ssize_t x = 0; x < n; x++)
        any |= a[x] | b[x];
    return !any;
}

/* ---- joint histogram and box ------------------------------------------------------------- */

typedef struct {
    Py_ssize_t y0, y1, x0, x1;
} box;

/* Counts are (slice, n, n); returns 0 where a label is n or more. */
static int count_joint(const map *ours, const map *theirs, int n, int64_t *counts, box *found)
{
    box b = {ours->ny, 0, ours->nx, 0};
    uint8_t bad = 0;
    for (Py_ssize_t z = 0; z < ours->nz; z++) {
        uint64_t table[2][256] = {{0}};
        int64_t *out = counts + z * n * n;
        int64_t rest = (int64_t)ours->ny * ours->nx;
        for (Py_ssize_t y = 0; y < ours->ny; y++) {
            const uint8_t *p = row_of(ours, z, y), *q = row_of(theirs, z, y);
            if (is_blank(p, q, ours->nx))
                continue;
            Py_ssize_t nx = ours->nx, x = next_block(p, q, 0, nx), last = -1;
            if (y < b.y0)
                b.y0 = y;
            if (y >= b.y1)
                b.y1 = y + 1;
            for (Py_ssize_t i = x; i < b.x0; i++)
                if (p[i] | q[i])
                    b.x0 = i;
            while (x < nx) {
                last = x;
                if (x + 8 <= nx) {
                    uint64_t u = eight(p + x), v = eight(q + x);
                    bad |= p[x] | q[x];
                    if (u == p[x] * SPLAT && v == q[x] * SPLAT) {
                        table[0][(p[x] & 15) << 4 | (q[x] & 15)] += 8;
                    } else {
                        for (int i = 0; i < 8; i++) {
                            bad |= p[x + i] | q[x + i];
                            table[i & 1][(p[x + i] & 15) << 4 | (q[x + i] & 15)]++;
                        }
                    }
                    x += 8;
                } else {
                    bad |= p[x] | q[x];
                    table[0][(p[x] & 15) << 4 | (q[x] & 15)]++;
                    x++;
                }
                x = next_block(p, q, x, nx);
            }
            Py_ssize_t end = last + 8 < nx ? last + 8 : nx;
            for (Py_ssize_t i = end - 1; i >= b.x1; i--)
                if (p[i] | q[i]) {
                    b.x1 = i + 1;
                    break;
                }
        }
        for (int i = 0; i < 256; i++) {
            int64_t times = (int64_t)(table[0][i] + table[1][i]);
            if (!times)
                continue;
            if (i >> 4 >= n || (i & 15) >= n)
                return 0;
            out[(i >> 4) * n + (i & 15)] += times;
            rest -= times;
        }
        out[0] += rest; /* what was skipped is background in both */
    }
    if (b.y1 == 0)
        b = (box){0, 0, 0, 0};
    *found = b;
    return bad < 16;
}

/* ---- whole rows at a time ----------------------------------------------------------------- */

/* What has a background face neighbour; `plane` is 0 where only neighbours in the slice count. */
WIDE static word surface_row(const word *restrict in, word *restrict out, Py_ssize_t n,
                             Py_ssize_t row, Py_ssize_t plane)
{
    word any = 0;
    for (Py_ssize_t x = 0; x < n; x++) {
        out[x] = in[x] & ~(in[x - 1] & in[x + 1] & in[x - row] & in[x + row] & in[x - plane] &
                           in[x + plane]);
        any |= out[x];
    }
    return any;
}

/* The goal bits that each surface voxel does not hold itself; returns how many voxels lack one. */
WIDE static uint32_t wanted_row(const word *restrict surface, word *restrict wanted, Py_ssize_t n,
                                word active)
{
    uint32_t lacking = 0;
    for (Py_ssize_t x = 0; x < n; x++) {
        wanted[x] = swapped(surface[x]) & ~surface[x] & active;
        lacking += wanted[x] != 0;
    }
    return lacking;
}

/* Four at a time, so that what was joined is not written and read again in between. */
WIDE static void join_rows(word *restrict into, const word *a, const word *b, const word *c,
                           const word *d, Py_ssize_t n)
{
    for (Py_ssize_t x = 0; x < n; x++)
        into[x] |= a[x] | b[x] | c[x] | d[x];
}

/* Leaves in `hits` what was wanted and takes it from there; returns what all hits hold. */
WIDE static word hit_row(word *restrict wanted, word *restrict hits, Py_ssize_t n)
{
    word any = 0;
    for (Py_ssize_t x = 0; x < n; x++) {
        hits[x] &= wanted[x];
        wanted[x] ^= hits[x];
        any |= hits[x];
    }
    return any;
}

WIDE static uint32_t count_row(const word *hits, Py_ssize_t n, int bit)
{
    uint32_t found = 0;
    for (Py_ssize_t x = 0; x < n; x++)
        found += hits[x] >> bit & 1;
    return found;
}

/* The same of what both maps hold. */
WIDE static uint32_t count_both(const word *row, Py_ssize_t n, int bit)
{
    uint32_t found = 0;
    for (Py_ssize_t x = 0; x < n; x++)
        found += row[x] >> bit & row[x] >> (bit + 8) & 1;
    return found;
}

#define NONE INT16_MAX

/* Steps down or up to the nearest goal of each column, from those of the row before. */
WIDE static void first_pass(const word *restrict surface, const int16_t *restrict before,
                            int16_t *restrict out, Py_ssize_t n, word goal)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        int16_t next = (int16_t)(before[x] + (before[x] < NONE));
        out[x] = surface[x] & goal ? 0 : next;
    }
}

WIDE static void second_pass(const int16_t *restrict after, int16_t *restrict out, Py_ssize_t n)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        int16_t next = (int16_t)(after[x] + (after[x] < NONE));
        out[x] = out[x] < next ? out[x] : next;
    }
}

/* Squared distances in mm2 along columns; returns the least number of steps. */
WIDE static int16_t square_row(const int16_t *restrict steps, double *restrict out, Py_ssize_t n,
                               double spacing)
{
    int16_t least = NONE;
    for (Py_ssize_t x = 0; x < n; x++)
        least = steps[x] < least ? steps[x] : least;
    for (Py_ssize_t x = 0; x < n; x++) {
        double length = (double)steps[x] * spacing; /* as Python's table has it */
        out[x] = steps[x] < NONE ? length * length : INFINITY;
    }
    return least;
}

/* The least of z2 + y2 and what is there. */
WIDE static void add_row(double *restrict out, const double *restrict y2, Py_ssize_t n, double z2)
{
    for (Py_ssize_t x = 0; x < n; x++) {
        double d2 = z2 + y2[x];
        out[x] = d2 < out[x] ? d2 : out[x];
    }
}

static inline int64_t bits_of(double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* The least of zy2 + x2 over `n` columns and of `best`. Floats that are not negative are in the
 * order of their bits, and whole numbers compilers compare many at a time. Both halves at once,
 * which may overlap, because each comparison waits for the one before. */
WIDE static double least_along(const double *zy2, const double *x2, Py_ssize_t n, double best)
{
    const Py_ssize_t half = (n + 1) / 2, rest = n - half;
    int64_t least = bits_of(best), other = least;
    for (Py_ssize_t i = 0; i < half; i++) {
        int64_t one = bits_of(zy2[i] + x2[i]), two = bits_of(zy2[rest + i] + x2[rest + i]);
        least = one < least ? one : least;
        other = two < other ? two : other;
    }
    least = other < least ? other : least;
    memcpy(&best, &least, sizeof(best));
    return best;
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Kept between calls: fresh pages cost more than all that is done with them. Taken and given back
 * under Python's lock, and whoever finds none makes his own. */
typedef struct {
    char *at;
    size_t size;
} block;

enum { BLOCKS = 2, KEPT = 64 << 20 };
static block spare[BLOCKS];

static void take_spare(block *found)
{
    memcpy(found, spare, sizeof(spare));
    memset(spare, 0, sizeof(spare));
}

static void give_back(block *used)
{
    for (int i = 0; i < BLOCKS; i++)
        if (spare[i].at || used[i].size > KEPT)
            free(used[i].at);
        else
            spare[i] = used[i];
}

static int holds(block *b, size_t size)
{
    if (b->size >= size)
        return 1;
    free(b->at);
    *b = (block){malloc(size), size};
    if (!b->at)
        b->size = 0;
    return b->at != NULL;
}

static size_t rounded(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* ---- surfaces and distances -------------------------------------------------------------- */

typedef struct {
    int32_t z, y, x;
    word bits; /* goals that are still to be found */
} voxel;

typedef struct {
    void *items;
    size_t used, room, size;
} list;

/* Room for `more` items; NULL where there is no memory. */
static void *room_for(list *l, size_t more)
{
    if (l->room - l->used < more) {
        size_t room = 2 * l->room + more;
        void *items = realloc(l->items, room * l->size);
        if (!items)
            return NULL;
        l->items = items;
        l->room = room;
    }
    return (char *)l->items + l->size * l->used;
}

typedef struct {
    int64_t place; /* slice times columns, plus column of the histogram */
    double d2;
} distant;

typedef struct {
    map ours, theirs;
    const uint8_t *lut; /* 256 bytes for the reference, 256 for the compared map */
    int n_regions, in_plane, per_slice;
    const int32_t *steps; /* (n_steps, 3): z, y, x, nearest first, the first is zero */
    const int32_t *rank;  /* of each step's distance in the table */
    Py_ssize_t n_steps, n_ranks;
    const double *squared;      /* (n_ranks,): the table, ascending; reaches past the steps */
    const double *z2, *y2, *x2; /* squared distance by number of steps along each axis */
    int64_t *histogram;         /* (slice or 1, 2 * n_regions, n_ranks) */
    int64_t *faces;             /* (slice, 2 * n_regions) */
    list far;                   /* of distant: what is past the table */
    /* below: the words, padded so that no step leaves them */
    Py_ssize_t pz, py, px, wx, plane;
    word *words, *surface;
    int32_t *extent; /* (slice, row, 2): columns outside which all is background */
    word *held;      /* (slice, row): all bits of the row's surface voxels */
    word *active;    /* by slice: bits whose region has a surface both ways */
    word *wanted, *hits;
    Py_ssize_t *jump;
    list left; /* of voxel, in their order */
    int misses; /* high where few voxels found what they wanted */
    unsigned passed;
    block *memory; /* BLOCKS of them: for the words, and for what is far */
} work;

static inline int slot(const work *w, int bit)
{
    return bit < 8 ? bit : bit - 8 + w->n_regions;
}

static inline Py_ssize_t place_of(const work *w, Py_ssize_t z, Py_ssize_t y)
{
    return (z + w->pz) * w->plane + (y + w->py) * w->wx + w->px;
}

static inline int64_t *column_of(const work *w, Py_ssize_t z, int bit)
{
    Py_ssize_t place = w->per_slice ? z : 0;
    return w->histogram + (place * 2 * w->n_regions + slot(w, bit)) * w->n_ranks;
}

static void fill_words(work *w)
{
    const map *a = &w->ours, *b = &w->theirs;
    word low[256], high[256];
    for (int i = 0; i < 256; i++) {
        low[i] = w->lut[i];
        high[i] = (word)(w->lut[256 + i] << 8);
    }
    for (Py_ssize_t z = 0; z < a->nz; z++)
        for (Py_ssize_t y = 0; y < a->ny; y++) {
            const uint8_t *p = row_of(a, z, y), *q = row_of(b, z, y);
            word *out = w->words + place_of(w, z, y);
            Py_ssize_t nx = a->nx, x = next_block(p, q, 0, nx);
            int32_t *e = w->extent + 2 * (z * a->ny + y);
            e[0] = (int32_t)x;
            e[1] = (int32_t)x;
            while (x < nx) {
                Py_ssize_t end = x + 8 <= nx ? x + 8 : x + 1;
                if (end - x == 8 && eight(p + x) == p[x] * SPLAT && eight(q + x) == q[x] * SPLAT) {
                    word value = low[p[x]] | high[q[x]];
                    for (int i = 0; i < 8; i++)
                        out[x + i] = value;
                } else {
                    for (Py_ssize_t i = x; i < end; i++)
                        out[i] = low[p[i]] | high[q[i]];
                }
                e[1] = (int32_t)end;
                x = next_block(p, q, end, nx);
            }
        }
}

static inline int count_bits(word bits)
{
    int n = 0;
    for (; bits; bits &= (word)(bits - 1))
        n++;
    return n;
}

/* Surfaces, their voxels counted, and those voxels counted that lie on both. */
static void find_surface(work *w)
{
    word all = 0;
    for (Py_ssize_t z = 0; z < w->ours.nz; z++) {
        /* Two tables each: the same count is not written twice in a row. */
        uint32_t low[2][256] = {{0}}, high[2][256] = {{0}}, both[2][256] = {{0}};
        int64_t *faces = w->faces + z * 2 * w->n_regions;
        word present = 0;
        int tabled = 0;
        for (Py_ssize_t y = 0; y < w->ours.ny; y++) {
            const int32_t *e = w->extent + 2 * (z * w->ours.ny + y);
            if (e[0] == e[1])
                continue;
            Py_ssize_t start = place_of(w, z, y) + e[0], n = e[1] - e[0];
            const word *out = w->surface + start;
            word held = surface_row(w->words + start, w->surface + start, n, w->wx,
                                    w->in_plane ? 0 : w->plane);
            w->held[z * w->ours.ny + y] = held;
            present |= held;
            if (!held)
                continue;
            /* Few regions are counted one by one, many in tables. */
            if (count_bits(held) <= 4) {
                for (word rest = held; rest; rest &= (word)(rest - 1)) {
                    int bit = lowest(rest);
                    faces[slot(w, bit)] += count_row(out, n, bit);
                }
                for (word rest = held & held >> 8; rest; rest &= (word)(rest - 1)) {
                    int r = lowest(rest);
                    uint32_t shared = count_both(out, n, r);
                    column_of(w, z, r)[0] += shared;
                    column_of(w, z, 8 + r)[0] += shared;
                }
                continue;
            }
            tabled = 1;
            /* The padding behind the row is zero, so reading on in blocks of four is harmless. */
            for (Py_ssize_t x = 0; x < n; x += 4) {
                uint64_t any;
                memcpy(&any, out + x, 8);
                if (!any)
                    continue;
                for (Py_ssize_t i = x; i < x + 4; i++) {
                    word bits = out[i];
                    low[i & 1][bits & 255]++;
                    high[i & 1][bits >> 8]++;
                    both[i & 1][bits & bits >> 8]++;
                }
            }
        }
        for (int i = 1; tabled && i < 256; i++) {
            uint32_t ours = low[0][i] + low[1][i], theirs = high[0][i] + high[1][i];
            uint32_t shared = both[0][i] + both[1][i];
            for (int r = 0; (ours | theirs | shared) && r < w->n_regions; r++)
                if (i >> r & 1) {
                    faces[r] += ours;
                    faces[w->n_regions + r] += theirs;
                    column_of(w, z, r)[0] += shared;
                    column_of(w, z, 8 + r)[0] += shared;
                }
        }
        w->active[z] = present & swapped(present);
        all |= present;
    }
    if (!w->per_slice)
        for (Py_ssize_t z = 0; z < w->ours.nz; z++)
            w->active[z] = all & swapped(all);
}

/* How many of the first steps are taken by whole rows where a row is crowded. */
enum { CROWDED = 32 };

/* Where most surfaces are far, steps are wasted. A miss counts 3 and a hit takes 4 away, so that
 * somewhat more misses than hits lead to FEW_TRY, where one voxel (or crowded row) of SAMPLED
 * tries them, to notice when surfaces are near again. Nothing but speed depends on this. */
enum { FEW_TRY = 24, MOST_MISSES = 40, SAMPLED = 16 };

static inline int next_tries(work *w)
{
    return w->misses < FEW_TRY || ++w->passed % SAMPLED == 0;
}

static inline void learn(work *w, int missed)
{
    int misses = w->misses + (missed ? 3 : -4);
    w->misses = misses < 0 ? 0 : misses > MOST_MISSES ? MOST_MISSES : misses;
}

/* Take the first steps for all voxels of a row; returns the first step not taken. */
static int probe_row(work *w, const word *surface, Py_ssize_t z, Py_ssize_t n, uint32_t lacking)
{
    uint32_t found = 0;
    int t = 1;
    /* What few are left is faster one by one. */
    while (t < w->n_steps && t < CROWDED && found < lacking - lacking / 16) {
        const int32_t rank = w->rank[t];
        memset(w->hits, 0, (size_t)n * sizeof(word));
        int end = t;
        while (end < w->n_steps && w->rank[end] == rank)
            end++;
        for (; t < end; t += 4) {
            const word *s[4];
            for (int i = 0; i < 4; i++)
                s[i] = surface + w->jump[t + i < end ? t + i : end - 1];
            join_rows(w->hits, s[0], s[1], s[2], s[3], n);
        }
        t = end;
        word any = hit_row(w->wanted, w->hits, n);
        for (; any; any &= (word)(any - 1)) {
            int bit = lowest(any);
            uint32_t hits = count_row(w->hits, n, bit);
            column_of(w, z, bit ^ 8)[rank] += hits;
            found += hits;
        }
    }
    learn(w, found < lacking / 8);
    return t;
}

/* Steps from one voxel, from `t` on; returns the goals that none leads to. */
static inline word probe_voxel(const work *w, const word *here, word wanted, int t,
                               int64_t *const *column)
{
    for (; t < w->n_steps; t++) {
        word hit = here[w->jump[t]] & wanted;
        if (!hit)
            continue;
        wanted ^= hit;
        do {
            column[lowest(hit) ^ 8][w->rank[t]]++;
            hit &= (word)(hit - 1);
        } while (hit);
        if (!wanted)
            break;
    }
    return wanted;
}

static int probe(work *w)
{
    int64_t *column[16];
    for (Py_ssize_t z = 0; z < w->ours.nz; z++) {
        for (int b = 0; b < 16; b++)
            column[b] = (b & 7) < w->n_regions ? column_of(w, z, b) : NULL;
        for (Py_ssize_t y = 0; w->active[z] && y < w->ours.ny; y++) {
            const int32_t *e = w->extent + 2 * (z * w->ours.ny + y);
            const word held = w->held[z * w->ours.ny + y];
            if (!(held & w->active[z]))
                continue;
            Py_ssize_t n = e[1] - e[0];
            const word *surface = w->surface + place_of(w, z, y) + e[0];
            uint32_t lacking = wanted_row(surface, w->wanted, n, w->active[z]);
            if (!lacking)
                continue;
            int crowded = lacking > 12 && 4 * lacking > n;
            int t = crowded && next_tries(w) ? probe_row(w, surface, z, n, lacking) : 1;
            memset(w->wanted + n, 0, 4 * sizeof(word));
            voxel *rest = room_for(&w->left, lacking);
            if (!rest)
                return 0;
            for (Py_ssize_t x = 0; x < n; x += 4) {
                uint64_t any;
                memcpy(&any, w->wanted + x, 8);
                if (!any)
                    continue;
                for (Py_ssize_t i = x; i < x + 4; i++) {
                    word wanted = w->wanted[i];
                    if (!wanted)
                        continue;
                    if (next_tries(w)) {
                        wanted = probe_voxel(w, surface + i, wanted, t, column);
                        learn(w, wanted != 0);
                    }
                    if (wanted) {
                        *rest++ = (voxel){(int32_t)z, (int32_t)y, (int32_t)(e[0] + i), wanted};
                        w->left.used++;
                    }
                }
            }
        }
    }
    return 1;
}

/* ---- what the table of steps does not reach ---------------------------------------------- */

typedef struct {
    int32_t z, y, x;
    double best;
} query;

/* Columns from x to the nearest goal in the row, as long as it can be nearer than `best`. */
static Py_ssize_t along(const work *w, const word *row, Py_ssize_t x, word goal, double base,
                        double best)
{
    const uint64_t mask = goal * 0x0001000100010001ULL;
    const Py_ssize_t nx = w->ours.nx;
    for (Py_ssize_t d = 0; d < nx && base + w->x2[d] < best; d += 4) {
        uint64_t right = 0, left = 0;
        /* The row's padding, at least four words, holds no goal. */
        if (x + d < nx)
            memcpy(&right, row + x + d, 8);
        if (x - d >= 0)
            memcpy(&left, row + x - d - 3, 8);
        if (!((right | left) & mask))
            continue;
        for (Py_ssize_t i = d; i < d + 4; i++)
            if ((x + i < nx && row[x + i] & goal) || (x - i >= 0 && row[x - i] & goal))
                return i;
    }
    return -1;
}

/* Rows outwards from the query until none can be nearer; returns how much was visited, and
 * gives up without a result once that is more than `most`. */
static int64_t search(const work *w, word goal, const uint8_t *slice_any, query *q, int64_t most)
{
    int64_t visited = 0;
    double best = q->best;
    const Py_ssize_t nz = w->ours.nz, ny = w->ours.ny, reach = w->per_slice ? 1 : nz;
    for (Py_ssize_t dz = 0; dz < reach && w->z2[dz] < best; dz++)
        for (int up = 0; up < (dz ? 2 : 1); up++) {
            Py_ssize_t z = up ? q->z + dz : q->z - dz;
            if (z < 0 || z >= nz || !slice_any[z])
                continue;
            for (Py_ssize_t dy = 0; dy < ny && w->z2[dz] + w->y2[dy] < best; dy++)
                for (int down = 0; down < (dy ? 2 : 1); down++) {
                    Py_ssize_t y = down ? q->y + dy : q->y - dy;
                    visited += 2;
                    if (y < 0 || y >= ny || !(w->held[z * ny + y] & goal))
                        continue;
                    const word *row = w->surface + place_of(w, z, y);
                    Py_ssize_t dx = along(w, row, q->x, goal, w->z2[dz] + w->y2[dy], best);
                    visited += dx < 0 ? 10 : dx;
                    if (visited > most)
                        return visited;
                    if (dx < 0)
                        continue;
                    double d2 = (w->z2[dz] + w->y2[dy]) + w->x2[dx];
                    if (d2 < best)
                        best = d2;
                }
        }
    q->best = best;
    return visited;
}

/* Buffers of the transform: as large for every region. */
typedef struct {
    int16_t *steps;   /* (slice, row, column): rows to the nearest goal in the column */
    double *x2;       /* squared distances of steps back and forth, none in the middle */
    double *y2, *zy2; /* (slice, column) and (column): squared distances of one row */
    int16_t *least;   /* by slice: least number of steps in that row, -1 if it is not there yet */
    int32_t low, high; /* first and last column with a goal, in any slice */
    double inverse;    /* of the spacing of columns */
    int64_t *first;   /* (slice, row): the first query there, and an end */
    int64_t *before;  /* by slice: the first query of the last row that was solved, or -1 */
} buffers;

static int allocated(const work *w, buffers *b)
{
    const size_t nz = (size_t)w->ours.nz, ny = (size_t)w->ours.ny, nx = (size_t)w->ours.nx;
    const size_t steps = rounded(sizeof(*b->steps) * nz * ny * nx);
    const size_t x2 = rounded(sizeof(*b->x2) * 2 * nx);
    const size_t y2 = rounded(sizeof(*b->y2) * nz * nx), zy2 = rounded(sizeof(*b->zy2) * nx);
    const size_t first = rounded(sizeof(*b->first) * (nz * ny + 1));
    const size_t before = rounded(sizeof(*b->before) * nz);
    if (b->steps)
        return 1;
    if (!holds(w->memory + 1, steps + x2 + y2 + zy2 + first + before + sizeof(*b->least) * nz))
        return 0;
    char *at = w->memory[1].at;
    b->steps = (int16_t *)at;
    b->x2 = (double *)(at += steps);
    b->y2 = (double *)(at += x2);
    b->zy2 = (double *)(at += y2);
    b->first = (int64_t *)(at += zy2);
    b->before = (int64_t *)(at += first);
    b->least = (int16_t *)(at + before);
    b->inverse = 1 / sqrt(w->x2[1]);
    for (size_t i = 0; i < nx; i++)
        b->x2[nx - i] = b->x2[nx + i] = w->x2[i];
    return 1;
}

/* Along every column first (Saito and Toriwaki 1994), of those that hold a goal. */
static void columns_first(const work *w, buffers *b, word goal, const uint8_t *slice_any)
{
    const Py_ssize_t ny = w->ours.ny, nx = w->ours.nx;
    b->low = nx;
    b->high = 0;
    for (Py_ssize_t z = 0; z < w->ours.nz; z++) {
        if (!slice_any[z])
            continue;
        int16_t *out = b->steps + z * ny * nx;
        for (Py_ssize_t x = 0; x < nx; x++)
            out[x] = w->surface[place_of(w, z, 0) + x] & goal ? 0 : NONE;
        for (Py_ssize_t y = 1; y < ny; y++)
            first_pass(w->surface + place_of(w, z, y), out + (y - 1) * nx, out + y * nx, nx, goal);
        for (Py_ssize_t y = ny - 2; y >= 0; y--)
            second_pass(out + (y + 1) * nx, out + y * nx, nx);
        int32_t low = 0, high = (int32_t)nx - 1;
        while (out[low] == NONE)
            low++;
        while (out[high] == NONE)
            high--;
        b->low = low < b->low ? low : b->low;
        b->high = high > b->high ? high : b->high;
    }
}

/* At least as many columns as are within a squared distance: the root is cut, and one more is
 * for its rounding. All where the distance is infinite or no number. */
static inline Py_ssize_t columns_within(const work *w, const buffers *b, double d2)
{
    const double columns = sqrt(d2) * b->inverse;
    return columns < (double)w->ours.nx ? (Py_ssize_t)columns + 2 : w->ours.nx;
}

/* Queries that are near each other in a row, columns `low` to `high` around them that can hold
 * what is nearest, and a squared distance that none of them exceeds. */
typedef struct {
    query *start, *end;
    Py_ssize_t low, high;
    double bound;
} cluster;

static inline double own_column(const buffers *b, const cluster *c, const query *q)
{
    return q->x < c->low || q->x > c->high ? INFINITY : b->zy2[q->x];
}

/* Into each column around a cluster, the least over slices of z2 + y2; returns the least of all.
 * Slices that are farther than what every query has in its own column cannot matter. */
static double fold_slices(const work *w, buffers *b, const uint8_t *slice_any, const cluster *c)
{
    const Py_ssize_t nz = w->ours.nz, ny = w->ours.ny, nx = w->ours.nx;
    const Py_ssize_t z = c->start->z, y = c->start->y;
    double worst = c->bound, least = INFINITY;
    for (Py_ssize_t x = c->low; x <= c->high; x++)
        b->zy2[x] = INFINITY;
    for (Py_ssize_t dz = 0; dz < (w->per_slice ? 1 : nz) && w->z2[dz] < worst; dz++) {
        int added = 0;
        for (int up = 0; up < (dz ? 2 : 1); up++) {
            Py_ssize_t at = up ? z + dz : z - dz;
            if (at < 0 || at >= nz || !slice_any[at])
                continue;
            double *y2 = b->y2 + at * nx;
            if (b->least[at] < 0)
                b->least[at] = square_row(b->steps + (at * ny + y) * nx + b->low, y2 + b->low,
                                          b->high + 1 - b->low, sqrt(w->y2[1]));
            const double nearest = w->z2[dz] + w->y2[b->least[at]];
            if (nearest >= worst)
                continue;
            least = nearest < least ? nearest : least;
            add_row(b->zy2 + c->low, y2 + c->low, c->high + 1 - c->low, w->z2[dz]);
            added = 1;
        }
        if (!added)
            continue;
        worst = 0;
        for (const query *q = c->start; q < c->end && worst < c->bound; q++) {
            double own = own_column(b, c, q);
            worst = own > worst ? own : worst;
        }
        worst = worst < c->bound ? worst : c->bound;
    }
    return least;
}

/* Each query of a cluster. A column can hold something nearer than `own` only if its x2 is less
 * than own - least; 1e-9 of own is far more than these few roundings can add up to. */
static void solve(const work *w, buffers *b, const uint8_t *slice_any, query *start, query *end,
                  double bound)
{
    const Py_ssize_t around = columns_within(w, b, bound);
    const Py_ssize_t first = start->x - around, last = end[-1].x + around;
    const cluster c = {start, end, first > b->low ? first : b->low, last < b->high ? last : b->high,
                       bound};
    const double least = fold_slices(w, b, slice_any, &c);
    for (query *q = start; q < end; q++) {
        double own = own_column(b, &c, q);
        own = own < bound ? own : bound;
        const Py_ssize_t most = columns_within(w, b, (own - least) + 1e-9 * own);
        const Py_ssize_t from = q->x - most > c.low ? q->x - most : c.low;
        const Py_ssize_t to = q->x + most < c.high ? q->x + most : c.high;
        q->best = least_along(b->zy2 + from, b->x2 + w->ours.nx + from - q->x, to + 1 - from,
                              q->best);
    }
}

static inline double lesser(double a, double b) { return a < b ? a : b; }

/* No less than how far the queries from `q` to `last` are from a goal, by one that is solved: its
 * distance and the steps to them. Made 1e-9 greater, so that what is nearest is still less. */
static double bound_by(const work *w, const query *solved, const query *q, const query *last)
{
    if (!solved || solved->best == INFINITY)
        return INFINITY;
    double aside = sqrt(w->y2[labs((long)(q->y - solved->y))] +
                        w->x2[labs((long)(q->x - solved->x))]);
    double length = sqrt(solved->best) + aside + sqrt(w->x2[last->x - q->x]);
    return length * length * (1 + 1e-9);
}

static void transform(const work *w, buffers *b, word goal, const uint8_t *slice_any,
                      query *queries, size_t n)
{
    enum { APART = 8 }; /* columns between queries that are not near each other */
    const Py_ssize_t nz = w->ours.nz, ny = w->ours.ny;
    columns_first(w, b, goal, slice_any);
    memset(b->first, 0, sizeof(*b->first) * (size_t)(nz * ny + 1));
    for (size_t i = 0; i < n; i++)
        b->first[queries[i].z * ny + queries[i].y + 1]++;
    for (Py_ssize_t i = 0; i < nz * ny; i++)
        b->first[i + 1] += b->first[i];
    for (Py_ssize_t z = 0; z < nz; z++)
        b->before[z] = -1;
    for (Py_ssize_t y = 0; y < ny; y++) {
        for (Py_ssize_t z = 0; z < nz; z++)
            b->least[z] = -1;
        for (Py_ssize_t z = 0; z < nz; z++) {
            const int64_t *first = b->first + z * ny + y;
            if (first[0] == first[1])
                continue;
            /* The queries of the row before, wherever it is. */
            const query *above = b->before[z] < 0 ? NULL : queries + b->before[z];
            const query *above_end = queries + first[0];
            b->before[z] = first[0];
            query *end, *row_end = queries + first[1];
            for (query *q = queries + first[0]; q < row_end; q = end) {
                for (end = q + 1; end < row_end && end->x - end[-1].x <= APART;)
                    end++;
                while (above && above + 1 < above_end &&
                       labs((long)(above[1].x - q->x)) <= labs((long)(above->x - q->x)))
                    above++;
                solve(w, b, slice_any, q, end,
                      lesser(bound_by(w, above, q, end - 1),
                             bound_by(w, q > queries + first[0] ? q - 1 : NULL, q, end - 1)));
            }
        }
    }
}

static int count_distances(work *w, int bit, const query *queries, size_t n)
{
    enum { BINS = 1024 };
    const double reach = w->squared[w->n_ranks - 1], scale = reach > 0 ? (BINS - 1) / reach : 0;
    int16_t near[BINS]; /* the first rank that can lie in each bin */
    for (Py_ssize_t i = 0, rank = 0; i < BINS; i++) {
        while (rank < w->n_ranks - 1 && w->squared[rank] * scale < (double)i)
            rank++;
        near[i] = (int16_t)rank;
    }
    distant *far = room_for(&w->far, n);
    if (!far)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const double d2 = queries[i].best;
        if (d2 > reach) {
            int64_t place = w->per_slice ? queries[i].z : 0;
            *far++ = (distant){place * 2 * w->n_regions + slot(w, bit), d2};
            w->far.used++;
            continue;
        }
        const double bin = d2 * scale;
        Py_ssize_t rank = near[bin < BINS - 1 ? (int)bin : BINS - 1];
        while (w->squared[rank] < d2)
            rank++;
        column_of(w, queries[i].z, bit)[rank]++;
    }
    return 1;
}

/* Goals of one bit for all voxels that are left. */
static int reach_far(work *w, int bit, buffers *b, uint8_t *slice_any, query *queries)
{
    enum { SAMPLE = 16 };
    const Py_ssize_t nz = w->ours.nz, ny = w->ours.ny;
    const word goal = (word)(1u << bit);
    const voxel *left = w->left.items;
    size_t n = 0, area = 0;
    for (size_t i = 0; i < w->left.used; i++)
        if (left[i].bits & goal)
            queries[n++] = (query){left[i].z, left[i].y, left[i].x, INFINITY};
    if (!n)
        return 1;
    for (Py_ssize_t z = 0; z < nz; z++) {
        word held = 0;
        for (Py_ssize_t y = 0; y < ny; y++)
            held |= w->held[z * ny + y];
        slice_any[z] = (held & goal) != 0;
        area += slice_any[z] ? (size_t)(ny * w->ours.nx) : 0;
    }
    /* What searching costs shows on a few; the transform costs so much a voxel and a query. */
    const double transforming = 0.4 * (double)area + 40.0 * (double)n;
    const int64_t most = (int64_t)transforming / 32;
    size_t stride = n > SAMPLE ? n / SAMPLE : 1, sampled = 0;
    int64_t visited = 0;
    for (size_t i = 0; i < n && visited <= most; i += stride, sampled++)
        visited += search(w, goal, slice_any, queries + i, most);
    if ((double)visited / (double)sampled * (double)n <= transforming) {
        for (size_t i = 0; i < n; i++)
            if (queries[i].best == INFINITY)
                search(w, goal, slice_any, queries + i, INT64_MAX);
    } else {
        if (!allocated(w, b))
            return 0;
        transform(w, b, goal, slice_any, queries, n);
    }
    return count_distances(w, bit ^ 8, queries, n);
}

static int reach_all(work *w)
{
    buffers b = {0};
    int done = 1;
    if (!w->left.used)
        return 1;
    uint8_t *slice_any = malloc((size_t)w->ours.nz);
    query *queries = malloc(sizeof(*queries) * w->left.used);
    done = slice_any && queries;
    for (int bit = 0; done && bit < 16; bit++)
        if ((bit & 7) < w->n_regions)
            done = reach_far(w, bit ^ 8, &b, slice_any, queries);
    free(slice_any);
    free(queries);
    return done;
}

static int measure(work *w)
{
    Py_ssize_t pz = 1, py = 1, px = 4; /* rows are read four words at a time */
    const size_t nz = (size_t)w->ours.nz, ny = (size_t)w->ours.ny, nx = (size_t)w->ours.nx;
    for (Py_ssize_t t = 0; t < w->n_steps; t++) {
        const int32_t *s = w->steps + 3 * t;
        pz = s[0] > pz ? s[0] : pz;
        py = s[1] > py ? s[1] : py;
        px = s[2] > px ? s[2] : px;
    }
    w->pz = pz;
    w->py = py;
    w->px = px;
    w->wx = w->ours.nx + 2 * px;
    w->plane = (w->ours.ny + 2 * py) * w->wx;
    const size_t padded = rounded((nz + 2 * (size_t)pz) * (size_t)w->plane * sizeof(word));
    const size_t held = rounded(nz * ny * sizeof(word)), active = rounded(nz * sizeof(word));
    const size_t extent = rounded(2 * nz * ny * sizeof(int32_t));
    const size_t row = rounded((nx + 8) * sizeof(word));
    const size_t jump = rounded((size_t)w->n_steps * sizeof(*w->jump));
    const size_t zeroed = 2 * padded + held + active, size = zeroed + extent + 2 * row + jump;
    if (!holds(w->memory, size))
        return 0;
    char *at = w->memory->at;
    memset(at, 0, zeroed);
    w->words = (word *)at;
    w->surface = (word *)(at += padded);
    w->held = (word *)(at += padded);
    w->active = (word *)(at += held);
    w->extent = (int32_t *)(at += active);
    w->wanted = (word *)(at += extent);
    w->hits = (word *)(at += row);
    w->jump = (Py_ssize_t *)(at += row);
    for (Py_ssize_t t = 0; t < w->n_steps; t++) {
        const int32_t *s = w->steps + 3 * t;
        w->jump[t] = s[0] * w->plane + s[1] * w->wx + s[2];
    }
    w->left.size = sizeof(voxel);
    w->far.size = sizeof(distant);
    fill_words(w);
    find_surface(w);
    int done = probe(w) && reach_all(w);
    free(w->left.items);
    return done;
}

/* ---- metrics ------------------------------------------------------------------------------- */

/* What a column of the histogram says. Every sum is taken one after another, nearest first. */
typedef struct {
    int64_t n, near; /* voxels, and how many of them are within the tolerance */
    double sum, p95, greatest;
} column;

static column summed(const int64_t *counts, const double *distances, Py_ssize_t n_ranks,
                     Py_ssize_t within)
{
    column c = {0, 0, 0.0, 0.0, 0.0};
    for (Py_ssize_t i = 0; i < n_ranks; i++) {
        c.n += counts[i];
        c.near += i <= within ? counts[i] : 0;
        c.sum += (double)counts[i] * distances[i];
    }
    if (!c.n)
        return c;
    const double position = 0.95 * (double)(c.n - 1);
    const int64_t below = (int64_t)position, above = below + 1 < c.n ? below + 1 : c.n - 1;
    double low = 0.0, high = 0.0;
    int64_t upto = 0;
    for (Py_ssize_t i = 0; i < n_ranks; i++) {
        if (upto <= below)
            low = distances[i];
        if (upto <= above)
            high = distances[i];
        if (counts[i])
            c.greatest = distances[i];
        upto += counts[i];
    }
    c.p95 = low + (high - low) * (position - (double)below);
    return c;
}

/* Dice, HD, HD95, ASSD and NSD into (5, slice or 1, region). `joint` is (slice, 16, 16). */
static void summarise(const work *w, const int64_t *joint, const double *distances,
                      Py_ssize_t within, double *out)
{
    const Py_ssize_t places = w->per_slice ? w->ours.nz : 1, each = w->per_slice ? 1 : w->ours.nz;
    const Py_ssize_t step = places * w->n_regions;
    for (Py_ssize_t p = 0; p < places; p++)
        for (int r = 0; r < w->n_regions; r++) {
            int64_t ours = 0, theirs = 0, shared = 0;
            for (Py_ssize_t i = p * each * 256; i < (p + 1) * each * 256; i++) {
                const int a = w->lut[i >> 4 & 15] >> r & 1, b = w->lut[256 + (i & 15)] >> r & 1;
                ours += a ? joint[i] : 0;
                theirs += b ? joint[i] : 0;
                shared += a & b ? joint[i] : 0;
            }
            double *to = out + p * w->n_regions + r;
            to[0] = ours + theirs ? 2.0 * (double)shared / (double)(ours + theirs) : NAN;
            const int64_t *counts = w->histogram + (p * 2 * w->n_regions + r) * w->n_ranks;
            column there = summed(counts, distances, w->n_ranks, within);
            column back = summed(counts + w->n_regions * w->n_ranks, distances, w->n_ranks, within);
            const double both = (double)(there.n + back.n);
            to[step] = to[2 * step] = to[3 * step] = NAN;
            to[4 * step] = (ours > 0) != (theirs > 0) ? 0.0 : NAN;
            if (there.n + back.n == 0)
                continue;
            to[step] = there.greatest > back.greatest ? there.greatest : back.greatest;
            to[2 * step] = there.p95 > back.p95 ? there.p95 : back.p95;
            to[3 * step] = (there.sum + back.sum) / both;
            to[4 * step] = (double)(there.near + back.near) / both;
        }
}

/* ---- Python -------------------------------------------------------------------------------- */

static int as_map(const Py_buffer *b, map *m)
{
    if (b->ndim != 3 || b->itemsize != 1 || !b->shape || !b->strides || b->strides[2] != 1 ||
        !b->shape[0] || b->shape[1] >= INT16_MAX || b->shape[2] > INT32_MAX / 4 ||
        b->shape[1] * b->shape[2] > INT32_MAX || b->shape[0] > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError,
                        "label maps are 3-D, of bytes, with contiguous columns, at least one "
                        "slice, less than 32767 rows and 2^31 voxels in a slice");
        return 0;
    }
    *m = (map){b->buf, b->shape[0], b->shape[1], b->shape[2], b->strides[0], b->strides[1]};
    return 1;
}

static int as_maps(Py_buffer *views, map *ours, map *theirs)
{
    if (!as_map(views, ours) || !as_map(views + 1, theirs))
        return 0;
    if (ours->nz != theirs->nz || ours->ny != theirs->ny || ours->nx != theirs->nx) {
        PyErr_SetString(PyExc_ValueError, "the label maps differ in shape");
        return 0;
    }
    return 1;
}

/* Buffers of all arguments; on failure none is held. */
static int take(PyObject *const *args, const int *flags, Py_buffer *views, int n)
{
    for (int i = 0; i < n; i++)
        if (PyObject_GetBuffer(args[i], views + i, flags[i]) < 0) {
            while (i--)
                PyBuffer_Release(views + i);
            return 0;
        }
    return 1;
}

static void release(Py_buffer *views, int n)
{
    while (n--)
        PyBuffer_Release(views + n);
}

static PyObject *py_joint(PyObject *self, PyObject *args)
{
    PyObject *objects[3];
    Py_buffer views[3];
    const int flags[3] = {PyBUF_STRIDES, PyBUF_STRIDES, PyBUF_CONTIG};
    int n, fits = 0;
    map ours, theirs;
    box b;
    PyObject *out = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOiO", objects, objects + 1, &n, objects + 2))
        return NULL;
    if (!take(objects, flags, views, 3))
        return NULL;
    if (!as_maps(views, &ours, &theirs))
        goto out;
    if (n < 1 || n > 16 || views[2].len != ours.nz * n * n * (Py_ssize_t)sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "counts are (slice, n, n) int64, n at most 16");
        goto out;
    }
    Py_BEGIN_ALLOW_THREADS
    fits = count_joint(&ours, &theirs, n, views[2].buf, &b);
    Py_END_ALLOW_THREADS
    if (fits)
        out = Py_BuildValue("nnnn", b.y0, b.y1, b.x0, b.x1);
    else
        PyErr_Format(PyExc_ValueError, "a label is not below %d", n);
out:
    release(views, 3);
    return out;
}

/* The arguments that `distances` and `evaluate` share, in their order. */
enum { REF, CMP, LUT, STEPS, RANK, SQUARED, Z2, Y2, X2, HISTOGRAM, FACES, SHARED };

/* Whether the buffers fit each other; they are those of `w` then. */
static int as_work(Py_buffer *views, work *w)
{
    if (!as_maps(views, &w->ours, &w->theirs))
        return 0;
    const uint8_t *lut = views[LUT].buf;
    const Py_ssize_t columns = 2 * w->n_regions, wide = sizeof(int64_t);
    w->n_steps = views[RANK].len / (Py_ssize_t)sizeof(int32_t);
    if (w->n_regions < 1 || w->n_regions > 8 || views[LUT].len != 512 || lut[0] || lut[256] ||
        w->n_steps < 1 || views[STEPS].len != 3 * views[RANK].len || !views[SQUARED].len ||
        views[SQUARED].len % wide || views[Z2].len < w->ours.nz * wide ||
        views[Y2].len < (w->ours.ny > 2 ? w->ours.ny : 2) * wide ||
        views[X2].len < (w->ours.nx > 2 ? w->ours.nx : 2) * wide ||
        views[FACES].len != w->ours.nz * columns * wide ||
        views[HISTOGRAM].len != (w->per_slice ? w->ours.nz : 1) * columns * views[SQUARED].len) {
        PyErr_SetString(PyExc_ValueError, "the arguments' sizes do not fit each other");
        return 0;
    }
    w->n_ranks = views[SQUARED].len / wide;
    w->lut = lut;
    w->steps = views[STEPS].buf;
    w->rank = views[RANK].buf;
    w->squared = views[SQUARED].buf;
    w->z2 = views[Z2].buf;
    w->y2 = views[Y2].buf;
    w->x2 = views[X2].buf;
    w->histogram = views[HISTOGRAM].buf;
    w->faces = views[FACES].buf;
    uint8_t used = 0;
    for (int i = 0; i < 512; i++)
        used |= lut[i];
    int ordered = w->rank[0] == 0 && !(used >> w->n_regions);
    for (Py_ssize_t i = 0; i < w->n_steps; i++)
        ordered &= w->rank[i] >= 0 && w->rank[i] < w->n_ranks;
    if (!ordered)
        PyErr_SetString(PyExc_ValueError, "a rank or a region is out of range");
    return ordered;
}

/* What is past the table: (how many at each place, their squared distances, place by place). */
static PyObject *listed(const work *w)
{
    const distant *far = w->far.items;
    const size_t n = w->far.used, wide = sizeof(int64_t);
    const size_t places = (size_t)(w->per_slice ? w->ours.nz : 1) * 2 * (size_t)w->n_regions;
    PyObject *counts = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n ? places * wide : 0));
    PyObject *d2 = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(n * sizeof(double)));
    int64_t *next = n ? calloc(places + 1, wide) : NULL;
    PyObject *out = NULL;
    if (!counts || !d2 || (n && !next)) {
        out = PyErr_NoMemory();
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        next[far[i].place + 1]++;
    if (n)
        memcpy(PyBytes_AS_STRING(counts), next + 1, places * wide);
    for (size_t i = 1; n && i < places; i++)
        next[i] += next[i - 1];
    for (size_t i = 0; i < n; i++)
        memcpy(PyBytes_AS_STRING(d2) + wide * (size_t)next[far[i].place]++, &far[i].d2, wide);
    out = PyTuple_Pack(2, counts, d2);
out:
    free(next);
    Py_XDECREF(counts);
    Py_XDECREF(d2);
    return out;
}

static PyObject *py_distances(PyObject *self, PyObject *args)
{
    PyObject *objects[SHARED], *out = NULL;
    Py_buffer views[SHARED];
    int flags[SHARED], done;
    work w;
    (void)self;
    memset(&w, 0, sizeof(w));
    if (!PyArg_ParseTuple(args, "OOOippOOOOOOOO", objects + REF, objects + CMP, objects + LUT,
                          &w.n_regions, &w.in_plane, &w.per_slice, objects + STEPS, objects + RANK,
                          objects + SQUARED, objects + Z2, objects + Y2, objects + X2,
                          objects + HISTOGRAM, objects + FACES))
        return NULL;
    for (int i = 0; i < SHARED; i++)
        flags[i] = i <= CMP ? PyBUF_STRIDES : i >= HISTOGRAM ? PyBUF_CONTIG : PyBUF_CONTIG_RO;
    if (!take(objects, flags, views, SHARED))
        return NULL;
    if (as_work(views, &w)) {
        block memory[BLOCKS];
        take_spare(w.memory = memory);
        Py_BEGIN_ALLOW_THREADS
        done = measure(&w);
        Py_END_ALLOW_THREADS
        give_back(memory);
        out = done ? listed(&w) : PyErr_NoMemory();
    }
    free(w.far.items);
    release(views, SHARED);
    return out;
}

static PyObject *py_evaluate(PyObject *self, PyObject *args)
{
    enum { JOINT = SHARED, DISTANCES, OUT, N };
    PyObject *objects[N], *out = NULL;
    Py_buffer views[N];
    int flags[N], done = 0, fits;
    Py_ssize_t within;
    work w;
    box b;
    (void)self;
    memset(&w, 0, sizeof(w));
    if (!PyArg_ParseTuple(args, "OOOippOOOOOOOOOOnO", objects + REF, objects + CMP, objects + LUT,
                          &w.n_regions, &w.in_plane, &w.per_slice, objects + STEPS, objects + RANK,
                          objects + SQUARED, objects + Z2, objects + Y2, objects + X2,
                          objects + HISTOGRAM, objects + FACES, objects + JOINT,
                          objects + DISTANCES, &within, objects + OUT))
        return NULL;
    for (int i = 0; i < N; i++)
        flags[i] = i <= CMP                          ? PyBUF_STRIDES
                   : i >= HISTOGRAM && i != DISTANCES ? PyBUF_CONTIG
                                                      : PyBUF_CONTIG_RO;
    if (!take(objects, flags, views, N))
        return NULL;
    if (!as_work(views, &w))
        goto out;
    const Py_ssize_t wide = sizeof(double), places = w.per_slice ? w.ours.nz : 1;
    if (views[JOINT].len != w.ours.nz * 256 * wide || views[DISTANCES].len != views[SQUARED].len ||
        views[OUT].len != 5 * places * w.n_regions * wide) {
        PyErr_SetString(PyExc_ValueError, "the arguments' sizes do not fit each other");
        goto out;
    }
    block memory[BLOCKS];
    take_spare(w.memory = memory);
    Py_BEGIN_ALLOW_THREADS
    fits = count_joint(&w.ours, &w.theirs, 16, views[JOINT].buf, &b);
    if (fits) {
        w.ours.data += b.y0 * w.ours.sy + b.x0;
        w.theirs.data += b.y0 * w.theirs.sy + b.x0;
        w.ours.ny = w.theirs.ny = b.y1 - b.y0;
        w.ours.nx = w.theirs.nx = b.x1 - b.x0;
        done = measure(&w);
        if (done)
            summarise(&w, views[JOINT].buf, views[DISTANCES].buf, within, views[OUT].buf);
    }
    Py_END_ALLOW_THREADS
    give_back(memory);
    if (!fits)
        PyErr_SetString(PyExc_ValueError, "a label is not below 16");
    else
        out = done ? listed(&w) : PyErr_NoMemory();
out:
    free(w.far.items);
    release(views, N);
    return out;
}

static PyMethodDef functions[] = {
    {"joint", py_joint, METH_VARARGS,
     "joint(reference, compared, n_labels, counts) -> (y0, y1, x0, x1)"},
    {"distances", py_distances, METH_VARARGS,
     "distances(reference, compared, lut, n_regions, in_plane, per_slice, steps, rank, "
     "squared, z2, y2, x2, histogram, faces) -> what is past the table: (how many at each place, "
     "their squared distances)"},
    {"evaluate", py_evaluate, METH_VARARGS,
     "evaluate(as distances, joint, distances, within, out) -> as distances; what is written "
     "to out holds where nothing is past the table"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "See metrics/kernel.py.", -1, functions, NULL, NULL, NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddStringConstant(module, "SOURCE_HASH", SOURCE_HASH) < 0)
        Py_CLEAR(module);
    return module;
}
