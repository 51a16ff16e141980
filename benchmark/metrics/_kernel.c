/* Joint label counts, surfaces and exact surface distances of two label maps.
 *
 * metrics/twin.py does the same with NumPy and SciPy, and both give the same bits: a distance is
 * the least of (dx2 + dy2) + dz2 in float64 over whole-voxel steps, where dx2 is the square of
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
#define SOURCE_HASH "cb5b92ccdbd9c476223c3c43ef6a697c7b3d2b186c0f5a6aa791985d42a9eb89"

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

static inline int highest(uint64_t v)
{
#if defined(__GNUC__)
    return 63 - __builtin_clzll(v);
#else
    int n = 0;
    while (v >>= 1)
        n++;
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
        uint32_t table[2][256] = {{0}};
        int64_t *out = counts + z * n * n;
        int64_t rest = (int64_t)ours->ny * ours->nx;
        for (Py_ssize_t y = 0; y < ours->ny; y++) {
            const uint8_t *p = row_of(ours, z, y), *q = row_of(theirs, z, y);
            Py_ssize_t nx = ours->nx, x = next_block(p, q, 0, nx), last = -1;
            if (x == nx)
                continue;
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
            int64_t times = (int64_t)table[0][i] + table[1][i];
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

/* ---- surfaces and distances -------------------------------------------------------------- */

typedef struct {
    int64_t at; /* index into the padded words */
    int32_t z;
    word bits;
} voxel;

typedef struct {
    void *items;
    size_t used, room, size;
} list;

static void *pushed(list *l)
{
    if (l->used == l->room) {
        size_t room = l->room ? 2 * l->room : 4096;
        void *items = realloc(l->items, room * l->size);
        if (!items)
            return NULL;
        l->items = items;
        l->room = room;
    }
    return (char *)l->items + l->size * l->used++;
}

typedef struct {
    int32_t place; /* 16 * slice + bit */
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
    Py_ssize_t pz, py, px, wy, wx, plane;
    word *words, *surface;
    list voxels, left; /* of voxel */
    word *active;      /* by slice (or one for all): bits whose region has a surface both ways */
} work;

static inline int slot(const work *w, int bit)
{
    return bit < 8 ? bit : bit - 8 + w->n_regions;
}

static int fill_words(work *w, int32_t *extent)
{
    const map *a = &w->ours, *b = &w->theirs;
    for (Py_ssize_t z = 0; z < a->nz; z++)
        for (Py_ssize_t y = 0; y < a->ny; y++) {
            const uint8_t *p = row_of(a, z, y), *q = row_of(b, z, y);
            word *out = w->words + (z + w->pz) * w->plane + (y + w->py) * w->wx + w->px;
            Py_ssize_t nx = a->nx, x = next_block(p, q, 0, nx);
            int32_t *e = extent + 2 * (z * a->ny + y);
            e[0] = (int32_t)x;
            e[1] = (int32_t)x;
            while (x < nx) {
                Py_ssize_t end = x + 8 <= nx ? x + 8 : x + 1;
                if (end - x == 8 && eight(p + x) == p[x] * SPLAT && eight(q + x) == q[x] * SPLAT) {
                    word value = (word)(w->lut[p[x]] | w->lut[256 + q[x]] << 8);
                    for (int i = 0; i < 8; i++)
                        out[x + i] = value;
                } else {
                    for (Py_ssize_t i = x; i < end; i++)
                        out[i] = (word)(w->lut[p[i]] | w->lut[256 + q[i]] << 8);
                }
                e[1] = (int32_t)end;
                x = next_block(p, q, end, nx);
            }
        }
    return 1;
}

static int find_surface(work *w, const int32_t *extent)
{
    const Py_ssize_t row = w->wx, plane = w->plane;
    for (Py_ssize_t z = 0; z < w->ours.nz; z++) {
        uint32_t low[256] = {0}, high[256] = {0};
        word present = 0;
        for (Py_ssize_t y = 0; y < w->ours.ny; y++) {
            const int32_t *e = extent + 2 * (z * w->ours.ny + y);
            if (e[0] == e[1])
                continue;
            Py_ssize_t start = (z + w->pz) * plane + (y + w->py) * row + w->px;
            const word *restrict in = w->words + start;
            word *restrict out = w->surface + start;
            if (w->in_plane)
                for (int32_t x = e[0]; x < e[1]; x++)
                    out[x] = in[x] & ~(in[x - 1] & in[x + 1] & in[x - row] & in[x + row]);
            else
                for (int32_t x = e[0]; x < e[1]; x++)
                    out[x] = in[x] & ~(in[x - 1] & in[x + 1] & in[x - row] & in[x + row] &
                                       in[x - plane] & in[x + plane]);
            /* The padding behind the row is zero, so reading on in blocks of four is harmless. */
            for (int32_t x = e[0]; x < e[1]; x += 4) {
                uint64_t any;
                memcpy(&any, out + x, 8);
                if (!any)
                    continue;
                for (int32_t i = x; i < x + 4 && i < e[1]; i++) {
                    word bits = out[i];
                    if (!bits)
                        continue;
                    voxel *v = pushed(&w->voxels);
                    if (!v)
                        return 0;
                    *v = (voxel){start + i, (int32_t)z, bits};
                    present |= bits;
                    low[bits & 255]++;
                    high[bits >> 8]++;
                }
            }
        }
        int64_t *faces = w->faces + z * 2 * w->n_regions;
        if (present)
            for (int i = 1; i < 256; i++)
                if (low[i] | high[i])
                    for (int r = 0; r < w->n_regions; r++)
                        if (i >> r & 1) {
                            faces[r] += low[i];
                            faces[w->n_regions + r] += high[i];
                        }
        if (w->per_slice)
            w->active[z] = present & swapped(present);
        else
            w->active[0] |= present;
    }
    if (!w->per_slice)
        w->active[0] &= swapped(w->active[0]);
    return 1;
}

static int probe(work *w)
{
    const word *surface = w->surface;
    const voxel *v = w->voxels.items, *end = v + w->voxels.used;
    const Py_ssize_t size = 2 * w->n_regions * w->n_ranks;
    const int n = (int)w->n_steps;
    int done = 0;
    Py_ssize_t *jump = malloc(sizeof(*jump) * (size_t)n);
    int64_t **column = malloc(sizeof(*column) * 16);
    if (!jump || !column)
        goto out;
    for (int t = 0; t < n; t++) {
        const int32_t *s = w->steps + 3 * t;
        jump[t] = s[0] * w->plane + s[1] * w->wx + s[2];
    }
    while (v < end) {
        const int32_t z = v->z;
        const word active = w->active[w->per_slice ? z : 0];
        int64_t *histogram = w->histogram + (w->per_slice ? z * size : 0);
        uint32_t zero[256] = {0};
        for (int b = 0; b < 16; b++)
            column[b] = histogram + (size_t)(slot(w, b) % (2 * w->n_regions)) * w->n_ranks;
        for (; v < end && v->z == z; v++) {
            const word bits = v->bits & active;
            const word same = bits & swapped(bits);
            zero[same & 255]++;
            word wanted = swapped((word)(bits & ~same));
            if (!wanted)
                continue;
            const word *here = surface + v->at;
            for (int t = 1; t < n; t++) {
                word hit = here[jump[t]] & wanted;
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
            if (wanted) {
                voxel *rest = pushed(&w->left);
                if (!rest)
                    goto out;
                *rest = (voxel){v->at, z, wanted};
            }
        }
        for (int i = 1; i < 256; i++)
            if (zero[i])
                for (int r = 0; r < w->n_regions; r++)
                    if (i >> r & 1) {
                        column[r][0] += zero[i];
                        column[8 + r][0] += zero[i];
                    }
    }
    done = 1;
out:
    free(jump);
    free(column);
    return done;
}

/* ---- what the table of steps does not reach ---------------------------------------------- */

/* Surface voxels of one region in one map, as bits of rows. */
typedef struct {
    Py_ssize_t nz, ny, nx, blocks; /* blocks of 64 columns in a row */
    uint64_t *rows;
    uint8_t *row_any, *slice_any;
} goals;

typedef struct {
    int32_t z, y, x;
    double best;
} query;

/* Steps along the row from x to the nearest goal in it; nx if there is none. */
static Py_ssize_t along(const goals *g, const uint64_t *row, Py_ssize_t x)
{
    Py_ssize_t block = x >> 6, best = g->nx;
    uint64_t here = row[block];
    uint64_t right = here >> (x & 63), left = here << (63 - (x & 63));
    if (right)
        best = lowest(right);
    if (left) {
        Py_ssize_t far = 63 - highest(left);
        if (far < best)
            best = far;
    }
    for (Py_ssize_t i = block + 1; i < g->blocks && (i << 6) - x < best; i++)
        if (row[i]) {
            Py_ssize_t far = (i << 6) + lowest(row[i]) - x;
            if (far < best)
                best = far;
            break;
        }
    for (Py_ssize_t i = block - 1; i >= 0 && x - ((i << 6) + 63) < best; i--)
        if (row[i]) {
            Py_ssize_t far = x - ((i << 6) + highest(row[i]));
            if (far < best)
                best = far;
            break;
        }
    return best;
}

/* Rows outwards from the query until none can be nearer; returns how many were visited. */
static int64_t search(const work *w, const goals *g, query *q)
{
    int64_t visited = 0;
    double best = INFINITY;
    Py_ssize_t reach = w->per_slice ? 1 : g->nz;
    for (Py_ssize_t dz = 0; dz < reach && w->z2[dz] < best; dz++)
        for (int up = 0; up < (dz ? 2 : 1); up++) {
            Py_ssize_t z = up ? q->z + dz : q->z - dz;
            visited++;
            if (z < 0 || z >= g->nz || !g->slice_any[z])
                continue;
            for (Py_ssize_t dy = 0; dy < g->ny && w->y2[dy] + w->z2[dz] < best; dy++)
                for (int down = 0; down < (dy ? 2 : 1); down++) {
                    Py_ssize_t y = down ? q->y + dy : q->y - dy;
                    visited++;
                    if (y < 0 || y >= g->ny || !g->row_any[z * g->ny + y])
                        continue;
                    Py_ssize_t dx = along(g, g->rows + (z * g->ny + y) * g->blocks, q->x);
                    double d2 = (w->x2[dx] + w->y2[dy]) + w->z2[dz];
                    if (d2 < best)
                        best = d2;
                }
        }
    q->best = best;
    return visited;
}

static int by_row(const void *a, const void *b)
{
    const query *p = a, *q = b;
    return p->y != q->y ? (p->y < q->y ? -1 : 1) : (p->z > q->z) - (p->z < q->z);
}

/* Exact distance transform, one slice of goals at a time: nearest goal in each column, then the
 * lower envelope of parabolas along each row (Felzenszwalb and Huttenlocher 2012). Parabolas are
 * dropped only where they are beaten by a clear margin and all near ties are tried, so that the
 * least float is found and not just a value that rounds differently. */
static int transform(const work *w, const goals *g, query *queries, size_t n)
{
    const Py_ssize_t ny = g->ny, nx = g->nx;
    const double margin = 1e-6, tie = 1e-3, a = w->x2[1];
    int done = 0;
    int32_t *rows = malloc(sizeof(*rows) * (size_t)(ny * nx));
    int32_t *at = malloc(sizeof(*at) * (size_t)nx);
    double *height = malloc(sizeof(*height) * (size_t)nx);
    double *start = malloc(sizeof(*start) * (size_t)nx);
    double *value = malloc(sizeof(*value) * (size_t)nx);
    if (!rows || !at || !height || !start || !value)
        goto out;
    qsort(queries, n, sizeof(*queries), by_row);
    for (Py_ssize_t z = 0; z < g->nz; z++) {
        if (!g->slice_any[z])
            continue;
        const int32_t none = INT32_MAX / 2;
        for (Py_ssize_t y = 0; y < ny; y++) {
            const uint64_t *bits = g->rows + (z * ny + y) * g->blocks;
            int32_t *out = rows + y * nx;
            for (Py_ssize_t x = 0; x < nx; x++) {
                int32_t above = y ? out[x - nx] + 1 : none;
                out[x] = bits[x >> 6] >> (x & 63) & 1 ? 0 : above;
            }
        }
        for (Py_ssize_t y = ny - 2; y >= 0; y--) {
            int32_t *out = rows + y * nx;
            for (Py_ssize_t x = 0; x < nx; x++)
                out[x] = out[x] < out[x + nx] + 1 ? out[x] : out[x + nx] + 1;
        }
        for (size_t first = 0, last; first < n; first = last) {
            int any = 0;
            for (last = first; last < n && queries[last].y == queries[first].y; last++) {
                Py_ssize_t dz = labs((long)(queries[last].z - z));
                any |= w->per_slice ? dz == 0 : w->z2[dz] < queries[last].best;
            }
            if (!any)
                continue;
            const int32_t *steps = rows + queries[first].y * nx;
            Py_ssize_t top = -1;
            for (Py_ssize_t x = 0; x < nx; x++) {
                if (steps[x] >= none)
                    continue;
                double h = w->y2[steps[x]], from = -INFINITY;
                while (top >= 0) {
                    from = 0.5 * (double)(x + at[top]) +
                           (h - height[top]) / (2.0 * a * (double)(x - at[top]));
                    if (from >= start[top] - margin)
                        break;
                    from = -INFINITY;
                    top--;
                }
                top++;
                at[top] = (int32_t)x;
                height[top] = h;
                start[top] = top ? from : -INFINITY;
            }
            for (Py_ssize_t x = 0, k = 0; x < nx; x++) {
                while (k < top && start[k + 1] <= (double)x + tie)
                    k++;
                double best = w->x2[labs((long)(x - at[k]))] + height[k];
                for (Py_ssize_t j = k; j > 0 && start[j] >= (double)x - tie; j--) {
                    double other = w->x2[labs((long)(x - at[j - 1]))] + height[j - 1];
                    if (other < best)
                        best = other;
                }
                value[x] = best;
            }
            for (size_t i = first; i < last; i++) {
                Py_ssize_t dz = labs((long)(queries[i].z - z));
                if (w->per_slice && dz)
                    continue;
                double d2 = value[queries[i].x] + w->z2[dz];
                if (d2 < queries[i].best)
                    queries[i].best = d2;
            }
        }
    }
    done = 1;
out:
    free(rows);
    free(at);
    free(height);
    free(start);
    free(value);
    return done;
}

/* Against a handful of goals nothing beats trying each. */
static void try_all(const work *w, const query *at, size_t n_goals, query *queries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        query *q = queries + i;
        for (size_t j = 0; j < n_goals; j++) {
            Py_ssize_t dz = labs((long)(at[j].z - q->z));
            if (w->per_slice && dz)
                continue;
            double d2 = (w->x2[labs((long)(at[j].x - q->x))] + w->y2[labs((long)(at[j].y - q->y))]) +
                        w->z2[dz];
            if (d2 < q->best)
                q->best = d2;
        }
    }
}

static void locate(const work *w, const voxel *v, query *q)
{
    Py_ssize_t in_plane = v->at - (v->z + w->pz) * w->plane;
    q->z = v->z;
    q->y = (int32_t)(in_plane / w->wx - w->py);
    q->x = (int32_t)(in_plane % w->wx - w->px);
    q->best = INFINITY;
}

static int reach_far(work *w, int bit)
{
    const voxel *voxels = w->voxels.items, *left = w->left.items;
    const word mask = (word)(1u << bit);
    goals g = {w->ours.nz, w->ours.ny, w->ours.nx, (w->ours.nx + 63) >> 6, NULL, NULL, NULL};
    int done = 0;
    enum { FEW = 48 };
    size_t n = 0, area = 0, n_goals = 0;
    query q, few[FEW], *queries = NULL;
    for (size_t i = 0; i < w->left.used; i++)
        n += (left[i].bits & mask) != 0;
    if (!n)
        return 1;
    g.rows = calloc((size_t)(g.nz * g.ny * g.blocks), sizeof(*g.rows));
    g.row_any = calloc((size_t)(g.nz * g.ny), 1);
    g.slice_any = calloc((size_t)g.nz, 1);
    queries = malloc(sizeof(*queries) * n);
    if (!g.rows || !g.row_any || !g.slice_any || !queries)
        goto out;
    for (size_t i = 0; i < w->voxels.used; i++)
        if (voxels[i].bits & mask) {
            locate(w, voxels + i, &q);
            Py_ssize_t row = q.z * g.ny + q.y;
            g.rows[row * g.blocks + (q.x >> 6)] |= 1ULL << (q.x & 63);
            g.row_any[row] = 1;
            g.slice_any[q.z] = 1;
            if (n_goals < FEW)
                few[n_goals] = q;
            n_goals++;
        }
    n = 0;
    for (size_t i = 0; i < w->left.used; i++)
        if (left[i].bits & mask)
            locate(w, left + i, queries + n++);
    for (Py_ssize_t z = 0; z < g.nz; z++)
        area += g.slice_any[z] ? (size_t)(g.ny * g.nx) : 0;
    /* A row visited costs about as much as two voxels of the transform. Once the search has cost
     * half of it, the transform takes over: never much more than the cheaper of the two. */
    size_t searched = 0, budget = area;
    if (n_goals <= FEW) {
        try_all(w, few, n_goals, queries, n);
        searched = n;
    }
    for (int64_t visited = 0; searched < n && (size_t)visited < budget; searched++)
        visited += 2 * search(w, &g, queries + searched);
    if (searched < n && !transform(w, &g, queries + searched, n - searched))
        goto out;
    for (size_t i = 0; i < n; i++) {
        const int32_t slice = w->per_slice ? queries[i].z : 0;
        const double d2 = queries[i].best;
        if (d2 <= w->squared[w->n_ranks - 1]) {
            Py_ssize_t low = 0, high = w->n_ranks - 1;
            while (low < high) {
                Py_ssize_t middle = (low + high) / 2;
                if (w->squared[middle] < d2)
                    low = middle + 1;
                else
                    high = middle;
            }
            Py_ssize_t column = (Py_ssize_t)slice * 2 * w->n_regions + slot(w, bit ^ 8);
            w->histogram[column * w->n_ranks + low]++;
            continue;
        }
        distant *d = pushed(&w->far);
        if (!d)
            goto out;
        *d = (distant){slice * 16 + (bit ^ 8), d2};
    }
    done = 1;
out:
    free(g.rows);
    free(g.row_any);
    free(g.slice_any);
    free(queries);
    return done;
}

static int measure(work *w)
{
    int done = 0;
    Py_ssize_t pz = 1, py = 1, px = 4; /* rows are read four words at a time */
    for (Py_ssize_t t = 0; t < w->n_steps; t++) {
        const int32_t *s = w->steps + 3 * t;
        pz = s[0] > pz ? s[0] : pz;
        py = s[1] > py ? s[1] : py;
        px = s[2] > px ? s[2] : px;
    }
    w->pz = pz;
    w->py = py;
    w->px = px;
    w->wy = w->ours.ny + 2 * py;
    w->wx = w->ours.nx + 2 * px;
    w->plane = w->wy * w->wx;
    size_t total = (size_t)((w->ours.nz + 2 * pz) * w->plane);
    int32_t *extent = malloc(sizeof(*extent) * 2 * (size_t)(w->ours.nz * w->ours.ny));
    w->words = calloc(total, sizeof(word));
    w->surface = calloc(total, sizeof(word));
    w->active = calloc((size_t)w->ours.nz, sizeof(word));
    w->voxels.size = w->left.size = sizeof(voxel);
    w->far.size = sizeof(distant);
    if (extent && w->words && w->surface && w->active)
        done = fill_words(w, extent) && find_surface(w, extent) && probe(w);
    for (int bit = 0; done && bit < 16; bit++)
        done = reach_far(w, bit);
    free(extent);
    free(w->words);
    free(w->surface);
    free(w->active);
    free(w->voxels.items);
    free(w->left.items);
    return done;
}

/* ---- Python -------------------------------------------------------------------------------- */

static int as_map(const Py_buffer *b, map *m)
{
    if (b->ndim != 3 || b->itemsize != 1 || !b->shape || !b->strides || b->strides[2] != 1 ||
        !b->shape[0] || b->shape[1] > INT32_MAX / 4 || b->shape[2] > INT32_MAX / 4) {
        PyErr_SetString(PyExc_ValueError, "label maps are 3-D, of bytes, with contiguous columns");
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

static PyObject *py_distances(PyObject *self, PyObject *args)
{
    enum { REF, CMP, LUT, STEPS, RANK, SQUARED, Z2, Y2, X2, HISTOGRAM, FACES, N };
    PyObject *objects[N];
    Py_buffer views[N];
    int flags[N], done = 0;
    work w;
    PyObject *out = NULL;
    (void)self;
    memset(&w, 0, sizeof(w));
    if (!PyArg_ParseTuple(args, "OOOippOOOOOOOO", objects + REF, objects + CMP, objects + LUT,
                          &w.n_regions, &w.in_plane, &w.per_slice, objects + STEPS, objects + RANK,
                          objects + SQUARED, objects + Z2, objects + Y2, objects + X2, objects + HISTOGRAM,
                          objects + FACES))
        return NULL;
    for (int i = 0; i < N; i++)
        flags[i] = i <= CMP ? PyBUF_STRIDES : i >= HISTOGRAM ? PyBUF_CONTIG : PyBUF_CONTIG_RO;
    if (!take(objects, flags, views, N))
        return NULL;
    if (!as_maps(views, &w.ours, &w.theirs))
        goto out;
    const uint8_t *lut = views[LUT].buf;
    const Py_ssize_t columns = 2 * w.n_regions, wide = sizeof(int64_t);
    w.n_steps = views[RANK].len / (Py_ssize_t)sizeof(int32_t);
    if (w.n_regions < 1 || w.n_regions > 8 || views[LUT].len != 512 || lut[0] || lut[256] ||
        w.n_steps < 1 || views[STEPS].len != 3 * views[RANK].len ||
        !views[SQUARED].len || views[SQUARED].len % wide || views[Z2].len < w.ours.nz * wide || views[Y2].len < w.ours.ny * wide ||
        views[X2].len < (w.ours.nx > 2 ? w.ours.nx : 2) * wide ||
        views[FACES].len != w.ours.nz * columns * wide ||
        views[HISTOGRAM].len != (w.per_slice ? w.ours.nz : 1) * columns * views[SQUARED].len) {
        PyErr_SetString(PyExc_ValueError, "the arguments' sizes do not fit each other");
        goto out;
    }
    w.n_ranks = views[SQUARED].len / wide;
    w.lut = lut;
    w.steps = views[STEPS].buf;
    w.rank = views[RANK].buf;
    w.squared = views[SQUARED].buf;
    w.z2 = views[Z2].buf;
    w.y2 = views[Y2].buf;
    w.x2 = views[X2].buf;
    w.histogram = views[HISTOGRAM].buf;
    w.faces = views[FACES].buf;
    uint8_t used = 0;
    for (int i = 0; i < 512; i++)
        used |= lut[i];
    int ordered = w.rank[0] == 0 && !(used >> w.n_regions);
    for (Py_ssize_t i = 0; i < w.n_steps; i++)
        ordered &= w.rank[i] >= 0 && w.rank[i] < w.n_ranks;
    if (!ordered) {
        PyErr_SetString(PyExc_ValueError, "a rank or a region is out of range");
        goto out;
    }
    Py_BEGIN_ALLOW_THREADS
    done = measure(&w);
    Py_END_ALLOW_THREADS
    if (!done) {
        PyErr_NoMemory();
        goto out;
    }
    const distant *far = w.far.items;
    out = PyTuple_New(2);
    PyObject *places = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(w.far.used * sizeof(int32_t)));
    PyObject *d2 = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(w.far.used * sizeof(double)));
    if (!out || !places || !d2) {
        Py_CLEAR(out);
        Py_XDECREF(places);
        Py_XDECREF(d2);
        goto out;
    }
    for (size_t i = 0; i < w.far.used; i++) {
        memcpy(PyBytes_AsString(places) + i * sizeof(int32_t), &far[i].place, sizeof(int32_t));
        memcpy(PyBytes_AsString(d2) + i * sizeof(double), &far[i].d2, sizeof(double));
    }
    PyTuple_SetItem(out, 0, places);
    PyTuple_SetItem(out, 1, d2);
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
     "squared, z2, y2, x2, histogram, faces) -> (places, squared distances) past the table"},
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
