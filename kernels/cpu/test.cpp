// The kernels against scalar references written from the definition, at sizes that divide into
// no tile, on the schedules named on the command line (0 forward, 1 backward, 2 random).
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels.cpp"

namespace {
cpu::Order order;
int faults = 0;
std::mt19937 random_bits(1);

template <class A>
void run(const char* name, const A& a, unsigned gx, unsigned gy = 1) {
    const cpu::Kernel* k = cpu::find(name);
    cpu::run(k->body, &a, {gx, gy, 1}, {k->threads, 1, 1}, order, 2);
}

float uniform(float bound) { return std::uniform_real_distribution<float>(-bound, bound)(random_bits); }

std::vector<float> numbers(size_t n, float bound) {
    std::vector<float> out(n);
    for (float& v : out) v = float(half(uniform(bound)));
    return out;
}

std::vector<half> halves(const std::vector<float>& from) {
    std::vector<half> out(from.size());
    for (size_t i = 0; i < from.size(); i++) out[i] = half(from[i]);
    return out;
}

// Compares with a bound relative to the size of the numbers; NaN, such as memory that a kernel
// should have written, does not pass.
template <class T>
void compare(const std::string& what, const std::vector<T>& got, const std::vector<double>& want,
             double bound) {
    double square = 0, worst = 0;
    bool nan = got.size() != want.size();
    for (size_t i = 0; i < want.size(); i++) {
        square += want[i] * want[i];
        const double error = std::fabs(double(float(got[i])) - want[i]);
        if (!(error >= 0)) nan = true;
        worst = std::max(worst, error);
    }
    const double relative = worst / std::sqrt(square / want.size() + 1e-30);
    const bool good = !nan && relative < bound;
    if (!good) faults++;
    if (!good || order == cpu::Order::FORWARD)
        printf("%-28s %s worst %.1e of the mean square%s\n", what.c_str(), good ? "ok    " : "WRONG ",
               relative, nan ? ", not finite" : "");
}

// ---- packing, by the description in common.cuh ----

std::vector<half> fragments(int steps, int outputs, std::function<float(int, int, int)> value) {
    std::vector<half> out;
    for (int step = 0; step < steps; step++)
        for (int pair = 0; pair < outputs / 16; pair++)
            for (int lane = 0; lane < 32; lane++)
                for (int tile = 2 * pair; tile < 2 * pair + 2; tile++)
                    for (int i = 0; i < 4; i++)
                        out.push_back(half(value(step, lane % 4 * 2 + i % 2 + i / 2 * 8, tile * 8 + lane / 4)));
    return out;
}

int output_channel(int position, int c) {
    const int group = std::min(c, 32), tile = position / 8, g = position % 8;
    return tile / (group / 8) * group + group / 4 * (g / 2) + tile % (group / 8) * 2 + g % 2;
}

int input_channel(int step, int k, int c) {
    const int t = k % 8 / 2, e = k % 2, upper = k / 8 * 2;
    return c < 32 ? 4 * t + upper + e : step / 2 * 32 + 8 * t + step % 2 * 4 + upper + e;
}

std::vector<half> pack_conv(const std::vector<float>& w, int k, int cin, int cout, bool natural) {
    const int chunk = cin % 32 ? 16 : 32, steps = chunk / 16;
    return fragments(cin / 16 * k * k, (cout + 15) / 16 * 16, [&](int step, int i, int position) {
        const int ky = step % k, s = step / k % steps, kx = step / k / steps % k;
        const int c = step / k / steps / k * chunk + s * 16 + i;
        const int o = natural ? position : output_channel(position, cout);
        return o < cout ? w[((o * cin + c) * k + ky) * k + kx] : 0.0f;
    });
}

std::vector<half> pack_square(const std::vector<float>& w, int c, int taps) {
    return fragments(taps * c / 16, c, [&](int step, int i, int position) {
        const int tap = step / (c / 16), s = step % (c / 16);
        return w[(output_channel(position, c) * c + input_channel(s, i, c)) * taps + tap];
    });
}

// Weights of a deformable convolution of 16 channels: two taps' inputs together, see Gather.
std::vector<half> pack_pairs(const std::vector<float>& w, int c, int taps) {
    return fragments((taps + 1) / 2 * 2, c, [&](int step, int k, int position) {
        const int t = k % 8 / 2, tap = step / 2 * 2 + t / 2;
        const int input = 8 * (t % 2) + step % 2 * 4 + k / 8 * 2 + k % 2;
        return tap < taps ? w[(output_channel(position, c) * c + input) * taps + tap] : 0.0f;
    });
}

// ---- references ----

struct Map {
    int h, w, c;
    std::vector<float> data;
    double at(int y, int x, int k) const {
        return y < 0 || y >= h || x < 0 || x >= w ? 0.0 : data[(size_t(y) * w + x) * c + k];
    }
};

Map random_map(int h, int w, int c, float bound = 1) { return {h, w, c, numbers(size_t(h) * w * c, bound)}; }

std::vector<double> convolve(const Map& in, const std::vector<float>& w, const std::vector<float>& bias,
                             int k, int cout) {
    std::vector<double> out;
    for (int y = 0; y < in.h; y++)
        for (int x = 0; x < in.w; x++)
            for (int o = 0; o < cout; o++) {
                double sum = bias[o];
                for (int c = 0; c < in.c; c++)
                    for (int ky = 0; ky < k; ky++)
                        for (int kx = 0; kx < k; kx++)
                            sum += in.at(y + ky - k / 2, x + kx - k / 2, c) *
                                   w[((o * in.c + c) * k + ky) * k + kx];
                out.push_back(sum);
            }
    return out;
}

Map pooled(const Map& in) {
    Map out{in.h / 2, in.w / 2, in.c, {}};
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++)
            for (int c = 0; c < in.c; c++)
                out.data.push_back((in.at(2 * y, 2 * x, c) + in.at(2 * y, 2 * x + 1, c) +
                                    in.at(2 * y + 1, 2 * x, c) + in.at(2 * y + 1, 2 * x + 1, c)) / 4);
    return out;
}

Map upsampled(const Map& in) {
    const auto kernel = [](double d) {
        const double a = -0.75;
        d = std::fabs(d);
        if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
        return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0.0;
    };
    Map out{2 * in.h, 2 * in.w, in.c, {}};
    for (int y = 0; y < out.h; y++)
        for (int x = 0; x < out.w; x++)
            for (int c = 0; c < in.c; c++) {
                const double sy = (y + 0.5) / 2 - 0.5, sx = (x + 0.5) / 2 - 0.5;
                double sum = 0;
                for (int j = int(std::floor(sy)) - 1; j <= std::floor(sy) + 2; j++)
                    for (int i = int(std::floor(sx)) - 1; i <= std::floor(sx) + 2; i++)
                        sum += kernel(sy - j) * kernel(sx - i) *
                               in.at(std::clamp(j, 0, in.h - 1), std::clamp(i, 0, in.w - 1), c);
                out.data.push_back(float(sum));
            }
    return out;
}

// ---- tests ----

void test_conv(const char* name, int k, int cin, int cout, Source source, Post post) {
    Map in = source == UPSAMPLED ? random_map(9, 13, cin) : random_map(19, 27, cin);
    std::vector<unsigned short> counts;
    if (source == COUNTS)
        for (float& v : in.data) counts.push_back(v = random_bits() % 5);
    const Map whole = source == POOLED ? pooled(in) : source == UPSAMPLED ? upsampled(in) : in;
    const auto w = numbers(size_t(cout) * cin * k * k, 1.7f / std::sqrt(float(cin * k * k)));
    const auto bias = numbers(cout, 0.5f);
    const auto skip = numbers(size_t(whole.h) * whole.w * cout, 1);
    auto want = convolve(whole, w, bias, k, cout);
    for (size_t i = 0; i < want.size(); i++) {
        want[i] = std::max(want[i], 0.0);
        if (post == RELU_ADD) want[i] += skip[i];
    }
    const auto input = halves(in.data), packed = pack_conv(w, k, cin, cout, false), s = halves(skip);
    std::vector<half> got(want.size(), half(NAN));
    ConvArgs a{};
    a.input = source == COUNTS ? static_cast<const void*>(counts.data()) : input.data();
    a.weights = reinterpret_cast<const uint4*>(packed.data());
    a.bias = bias.data(), a.skip = s.data(), a.output = got.data();
    a.height = whole.h, a.width = whole.w, a.source_height = in.h, a.source_width = in.w;
    const int rows = cout <= 32 ? 16 : 512 / cout;
    run(name, a, (whole.w + 15) / 16, (whole.h + rows - 1) / rows);
    compare(name, got, want, 1e-2);
}

// A convolution, and on its outputs as they are stored a layer of one pixel's channels.
void test_project(int k, int c) {
    const Map in = random_map(19, 27, c);
    const auto w = numbers(size_t(c) * c * k * k, 1.7f / std::sqrt(float(c * k * k))), bias = numbers(c, 0.5f);
    const auto next = numbers(size_t(c) * c, 1.7f / std::sqrt(float(c))), next_bias = numbers(c, 0.5f);
    auto want = convolve(in, w, bias, k, c);
    Map features{in.h, in.w, c, {}};
    for (double& v : want) features.data.push_back(float(half(v = std::max(v, 0.0))));
    const auto want_next = convolve(features, next, next_bias, 1, c);
    const auto input = halves(in.data), packed = pack_conv(w, k, c, c, false);
    const auto packed_next = c <= 32 ? pack_square(next, c, 1) : pack_conv(next, 1, c, c, false);
    std::vector<half> got(want.size(), half(NAN)), got_next = got;
    ProjectArgs a{};
    a.conv.input = input.data(), a.conv.weights = reinterpret_cast<const uint4*>(packed.data());
    a.conv.bias = bias.data(), a.conv.output = got.data();
    a.conv.height = a.conv.source_height = in.h, a.conv.width = a.conv.source_width = in.w;
    a.next = {reinterpret_cast<const uint4*>(packed_next.data()), next_bias.data(), got_next.data()};
    const std::string size = std::to_string(c), name = "conv" + std::to_string(k) + "_" + size + "_" + size;
    const int rows = c <= 32 ? 16 : 512 / c;
    run((name + "_project").c_str(), a, (in.w + 15) / 16, (in.h + rows - 1) / rows);
    compare(name + "_project", got, want, 1e-2);
    compare(name + "_project: next", got_next, want_next, 1e-2);
}

// The ends with noise, on an image of whole cells whose parts are kept, changed a little and changed.
void test_shrink() {
    const int h = 32, w = 48;
    const float noise = 0.01f;
    Map in = random_map(h, w, 16, 0.2f);
    const auto w3 = numbers(3 * 16 * 9, 0.05f);
    // Softplus of it is about one: the sharp image is about the blurry one.
    std::vector<float> b3(3, std::log(std::exp(1.0f) - 1.0f)), planes = numbers(3 * h * w, 0.5f);
    for (float& v : planes) v += 0.5f;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 16; c++) in.data[(y * w + x) * 16 + c] = float(half(
                in.data[(y * w + x) * 16 + c] * (x < 16 ? 0.1f : x < 32 ? 0.35f : 3.0f)));
    in.data[(5 * w + 6) * 16] = 4.0f;  // a small object where nothing else changes
    const auto sums = convolve(in, w3, b3, 3, 3);
    std::vector<double> ratio(sums.size()), latent(sums.size());
    double kept = 0, changed = 0;
    for (int top = 0; top < h; top += 16)
        for (int left = 0; left < w; left += 16) {
            double cell = 0;
            const auto each = [&](const std::function<void(int, const int (&)[3])>& visit) {
                for (int i = 0; i < 256; i++) {
                    const int pixel = (top + i / 16) * w + left + i % 16;
                    const int at[3] = {pixel, h * w + pixel, 2 * h * w + pixel};
                    visit(pixel, at);
                }
            };
            const auto power = [&](const int (&at)[3]) {
                double sum = 0;
                for (int to : at) sum += (latent[to] - planes[to]) * (latent[to] - planes[to]) / 3;
                return sum;
            };
            each([&](int pixel, const int (&at)[3]) {
                for (int c = 0; c < 3; c++) {
                    ratio[at[c]] = std::log1p(std::exp(sums[pixel * 3 + c]));
                    latent[at[c]] = ratio[at[c]] * planes[at[c]];
                }
                cell += power(at) / 256;
            });
            each([&](int, const int (&at)[3]) {
                const double seen = std::max({cell, power(at) / 9, 1e-30});
                const double gain = std::max(0.0, 1 - double(noise) * noise / seen);
                (gain == 0 ? kept : changed) += 1;
                for (int to : at) {
                    latent[to] = planes[to] + gain * (latent[to] - planes[to]);
                    ratio[to] = 1 + gain * (ratio[to] - 1);
                }
            });
        }
    if (kept < 300 || changed < 300) faults++, printf("WRONG  the cells do not differ\n");
    const auto input = halves(in.data), packed = pack_conv(w3, 3, 16, 3, true);
    std::vector<float> got_latent(sums.size()), got_ratio(sums.size()), single(sums.begin(), sums.end());
    const HeadArgs head{input.data(), reinterpret_cast<const uint4*>(packed.data()), b3.data(),
                        planes.data(), got_latent.data(), got_ratio.data(), nullptr, h, w, 0.0f, 0,
                        noise, 0};
    const auto check = [&](const std::string& name, double bound) {
        compare(name + ", shrunk: ratio", got_ratio, ratio, bound);
        compare(name + ", shrunk: latent", got_latent, latent, bound);
        for (int i = 0; i < 3 * h * w; i++) got_latent[i] = got_ratio[i] = NAN;
    };
    run("head", head, w / 16, h / 16);
    check("head", 2e-4);
    run("finish_single", FinishArgs{head, single.data()}, w / 16, h / 16);
    check("finish_single", 1e-5);
}

void test_ends() {
    const int h = 21, w = 37;
    Map image = random_map(h, w, 3, 0.5f);
    for (float& v : image.data) v += 0.5f;
    std::vector<float> planes(image.data.size());
    for (int i = 0; i < h * w; i++)
        for (int c = 0; c < 3; c++) planes[c * h * w + i] = image.data[i * 3 + c];
    Map normal = image;
    for (float& v : normal.data) v = 2 * v - 1;
    const auto weights = numbers(16 * 3 * 49, 0.15f), bias = numbers(16, 0.5f);
    auto want = convolve(normal, weights, bias, 7, 16);
    for (double& v : want) v = std::max(v, 0.0);
    const auto packed = fragments(14, 16, [&](int step, int i, int position) {
        const int ky = step % 7, kx = step / 7 * 4 + i / 4, c = i % 4, o = output_channel(position, 16);
        return kx < 7 && c < 3 ? weights[((o * 3 + c) * 7 + ky) * 7 + kx] : 0.0f;
    });
    std::vector<half> got(want.size(), half(NAN));
    const auto stem = [&](const void* from, int eight_bit) {
        run("stem", StemArgs{from, reinterpret_cast<const uint4*>(packed.data()), bias.data(),
                             got.data(), h, w, eight_bit, 0}, (w + 15) / 16, (h + 15) / 16);
    };
    stem(planes.data(), 0);
    compare("stem", got, want, 1e-2);
    // Eight bits give what the same numbers in single precision give, to the last bit.
    const auto same = [](const char* what, const auto& a, const auto& b) {
        const bool good = !memcmp(a.data(), b.data(), a.size() * sizeof(a[0]));
        if (!good) faults++;
        printf("%-28s %s\n", what, good ? "ok     the same bits" : "WRONG  other bits");
    };
    std::vector<unsigned char> bytes(planes.size());
    std::vector<float> fractions(planes.size());
    for (size_t i = 0; i < bytes.size(); i++)
        bytes[i] = i < 256 ? i : random_bits() % 256, fractions[i] = bytes[i] / 255.0f;
    stem(fractions.data(), 0);
    const auto by_numbers = got;
    stem(bytes.data(), 1);
    same("stem: eight bits", got, by_numbers);
    std::vector<float> each(bytes.size());
    for (size_t i = 0; i < bytes.size(); i++) each[i] = fraction(bytes[i]);
    same("eight bits as numbers", each, fractions);

    const Map in = random_map(h, w, 16);
    const auto w3 = numbers(3 * 16 * 9, 0.5f), b3 = numbers(3, 0.5f);
    const auto sums = convolve(in, w3, b3, 3, 3);
    std::vector<double> ratio(sums.size()), latent(sums.size()), pixels(sums.size());
    for (int i = 0; i < h * w; i++)
        for (int c = 0; c < 3; c++) {
            const int to = c * h * w + i;
            ratio[to] = std::log1p(std::exp(sums[i * 3 + c]));
            latent[to] = ratio[to] * planes[to];
            pixels[to] = std::clamp(latent[to], 0.0, 1.0) * 255;  // rounded: half a step off at most
        }
    const auto input = halves(in.data), head_weights = pack_conv(w3, 3, 16, 3, true);
    std::vector<float> got_latent(sums.size(), NAN), got_ratio(sums.size(), NAN), shown;
    std::vector<unsigned char> got_pixels(sums.size());
    run("head", HeadArgs{input.data(), reinterpret_cast<const uint4*>(head_weights.data()), b3.data(),
                         planes.data(), got_latent.data(), got_ratio.data(), got_pixels.data(), h, w, 0.5f, 0,
                         0.0f, 0},
        (w + 15) / 16, (h + 15) / 16);
    for (unsigned char p : got_pixels) shown.push_back(p);
    compare("head: ratio", got_ratio, ratio, 1e-4);
    compare("head: latent", got_latent, latent, 1e-4);
    compare("head: pixels", shown, pixels, 1e-2);
    const auto head = [&](const void* from, int eight_bit) {
        run("head", HeadArgs{input.data(), reinterpret_cast<const uint4*>(head_weights.data()),
                             b3.data(), from, got_latent.data(), got_ratio.data(), got_pixels.data(),
                             h, w, 0.5f, eight_bit, 0.0f, 0}, (w + 15) / 16, (h + 15) / 16);
    };
    head(fractions.data(), 0);
    const auto latent_by_numbers = got_latent;
    head(bytes.data(), 1);
    same("head: eight bits", got_latent, latent_by_numbers);
}

template <int C>
void test_fuse() {
    const int h = 7, w = 21, eh = 3, ew = 5;
    const Map event = random_map(eh, ew, C), image = random_map(h, w, C);
    std::vector<float> layers[3], bias = numbers(3 * C, 0.3f), position = numbers(2 * C, 0.3f);
    std::vector<half> packed;
    for (auto& layer : layers) {
        layer = numbers(C * C, 1.7f / std::sqrt(float(C)));
        for (half v : pack_square(layer, C, 1)) packed.push_back(v);
    }
    // Of 2n positions, with the sizes of an element of event and image.
    const auto axis = [](int n, int e, int event_size, int image_size) {
        std::vector<Corner> out;
        for (int i = 0; i < 2 * n; i++)
            out.push_back({unsigned(random_bits() % e * event_size), unsigned(random_bits() % n * image_size),
                           uniform(1.5f), 0});
        // Both corners in the middle: all weigh the same.
        out[1].relative = out[n + 1].relative = 0;
        for (int i = 0; i < 2 * n; i++) out[i].opposite = std::fabs(out[(i + n) % (2 * n)].relative);
        return out;
    };
    const auto rows = axis(h, eh, ew * C, w * C), columns = axis(w, ew, C, C);
    std::vector<double> want;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            std::vector<double> blend(C, 0.0);
            double total = 0;
            for (int corner = 0; corner < 4; corner++) {
                const int r = corner / 2, q = corner % 2;
                const Corner a = rows[r * h + y], b = columns[q * w + x];
                const double weight = std::fabs(double(rows[(1 - r) * h + y].relative) *
                                                columns[(1 - q) * w + x].relative) + 1e-9;
                const int ey = a.event / (ew * C), ex = b.event / C;
                const int iy = a.image / (w * C), ix = b.image / C;
                std::vector<double> z(C), t(C);
                for (int c = 0; c < C; c++)
                    z[c] = std::max(0.0, event.at(ey, ex, c) + image.at(iy, ix, c) +
                                             position[c] * a.relative + position[C + c] * b.relative);
                for (int l = 0; l < 2; l++) {
                    for (int o = 0; o < C; o++) {
                        t[o] = bias[l * C + o];
                        for (int c = 0; c < C; c++) t[o] += layers[l][o * C + c] * z[c];
                        t[o] = std::max(t[o], 0.0);
                    }
                    z = t;
                }
                for (int c = 0; c < C; c++) blend[c] += weight * z[c];
                total += weight;
            }
            for (int o = 0; o < C; o++) {
                double sum = bias[2 * C + o];
                for (int c = 0; c < C; c++) sum += layers[2][o * C + c] * blend[c] / total;
                want.push_back(sum);
            }
        }
    const auto e = halves(event.data), i = halves(image.data), place = halves(position);
    std::vector<half> got(want.size(), half(NAN));
    const std::string name = "fuse_" + std::to_string(C);
    run(name.c_str(),
        FuseArgs{e.data(), i.data(), reinterpret_cast<const uint4*>(packed.data()), bias.data(),
                 place.data(), rows.data(), columns.data(), got.data(), h, w},
        (w + 15) / 16, (h + 4 * fuse_rows(C) - 1) / (4 * fuse_rows(C)));
    compare(name, got, want, 1e-2);
}

// Offsets of a few pixels, some beyond every border, some far away, some not finite.
template <int C, int K>
void test_deform(int h, int w) {
    const int taps = K * K;
    const Map in = random_map(h, w, C);
    const auto wo = numbers(size_t(3) * taps * C * taps, 3.0f / std::sqrt(float(C * taps)));
    auto bo = numbers(3 * taps, 1);
    bo[0] = 1e6f, bo[3] = -500.5f, bo[4] = NAN, bo[7] = INFINITY;
    bo.resize((3 * taps + 15) / 16 * 16, 0.0f);
    const auto wd = numbers(size_t(C) * C * taps, 1.7f / std::sqrt(float(C * taps)));
    const auto bd = numbers(C, 0.5f);
    const auto offsets = convolve(in, wo, bo, K, 3 * taps);
    std::vector<double> want;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const double* given = offsets.data() + (size_t(y) * w + x) * 3 * taps;
            std::vector<double> sum(bd.begin(), bd.end());
            for (int tap = 0; tap < taps; tap++) {
                const double sy = y + tap / K - K / 2 + given[2 * tap];
                const double sx = x + tap % K - K / 2 + given[2 * tap + 1];
                if (!(sy > -1 && sy < h && sx > -1 && sx < w)) continue;
                const double mask = 1 / (1 + std::exp(-given[2 * taps + tap]));
                const int y0 = int(std::floor(sy)), x0 = int(std::floor(sx));
                const double fy = sy - y0, fx = sx - x0;
                for (int c = 0; c < C; c++) {
                    const double v = (1 - fy) * ((1 - fx) * in.at(y0, x0, c) + fx * in.at(y0, x0 + 1, c)) +
                                     fy * ((1 - fx) * in.at(y0 + 1, x0, c) + fx * in.at(y0 + 1, x0 + 1, c));
                    for (int o = 0; o < C; o++) sum[o] += v * mask * wd[(size_t(o) * C + c) * taps + tap];
                }
            }
            want.insert(want.end(), sum.begin(), sum.end());
        }
    const auto input = halves(in.data), po = pack_conv(wo, K, C, 3 * taps, true);
    const auto pd = C < 32 ? pack_pairs(wd, C, taps) : pack_square(wd, C, taps);
    std::vector<half> got(want.size(), half(NAN));
    const std::string name = "deform" + std::to_string(K) + "_" + std::to_string(C);
    const std::string size = ", " + std::to_string(w) + "x" + std::to_string(h);
    run(name.c_str(),
        DeformArgs{input.data(), reinterpret_cast<const uint4*>(po.data()), bo.data(),
                   reinterpret_cast<const uint4*>(pd.data()), bd.data(), got.data(), h, w},
        (w + 15) / 16, (h + deform_rows(C) - 1) / deform_rows(C));
    compare(name + size, got, want, 1e-2);
}

void test_eger() {
    const int sh = 5, sw = 7, h = 11, w = 9;
    EgerHeader header{1000.0, 1000.25, 160.5 / 16, 1050.5, 1080.0, 0, 0, nullptr};
    std::vector<uint2> events;
    std::vector<double> want(size_t(h) * w * 96, 0.0);
    const auto add = [&](unsigned t, unsigned x, unsigned y, unsigned on) {
        events.push_back({t, y << 16 | on << 15 | x});
        const double time = 1000.0 + t;
        const int bin = std::min(15, int((time - header.start) / header.bin));
        const int part = time < header.target_start ? 0 : time < header.target_end ? 1 : 2;
        double& count = want[(size_t(y) * w + x) * 96 + bin * 6 + part * 2 + on];
        count = std::min(count + 1, 65535.0);
    };
    for (int i = 0; i < 3000; i++)
        add(1 + random_bits() % 159, random_bits() % sw, random_bits() % sh, random_bits() % 2);
    for (int i = 0; i < 65600; i++) add(55, 3, 2, 0);  // more than 16 bits count
    add(55, 3, 2, 1);                                  // its neighbour in the same word
    const auto mirror = [](int i, int n) {
        for (;;)
            if (i < 0) i = -i;
            else if (i >= n) i = 2 * (n - 1) - i;
            else return i;
    };
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 96; c++)
                want[(size_t(y) * w + x) * 96 + c] =
                    want[(size_t(mirror(y, sh)) * w + mirror(x, sw)) * 96 + c];
    header.events = events.size(), header.packed = events.data();
    std::vector<unsigned> counts(want.size() / 2, 0);
    const EgerArgs a{&header, counts.data(), h, w, sh, sw};
    run("eger_count", a, 3);
    run("eger_mirror", a, (h * w * 12 + 255) / 256);
    std::vector<float> got;
    for (unsigned word : counts) got.push_back(word & 0xffff), got.push_back(word >> 16);
    compare("eger", got, want, 1e-9);
}

// Every 7th pixel is hot, every 5th has no events; targets are an instant, a span that begins and
// ends within bins, and the whole exposure.
template <class T>
void test_prior(const std::string& suffix, double bound) {
    const int h = 7, w = 37, area = h * w;
    const double scales[2] = {0.85, 1.15};
    std::vector<unsigned short> counts(size_t(area) * 96);
    for (size_t i = 0; i < counts.size(); i++) {
        const size_t pixel = i / 96;
        if (pixel % 5) counts[i] = (random_bits() % 3 == 0) * (random_bits() % 9) * (pixel % 7 ? 1 : 60);
    }
    for (const auto& span : {std::pair{7.3, 7.3}, {2.5, 8.25}, {0.0, 16.0}}) {
        PriorHeader header{};
        double total = 0, overlap[16];
        for (int bin = 0; bin < 16; bin++) {
            overlap[bin] = std::max(0.0, std::min(span.second, bin + 1.0) - std::max(span.first, double(bin)));
            header.overlap[bin] = overlap[bin], total += overlap[bin];
        }
        header.total = total;
        for (int on = 0; on < 2; on++) header.scales[on] = scales[on];
        std::vector<double> want(size_t(area) * 112, 0.0);
        for (int pixel = 0; pixel < area; pixel++) {
            double* to = want.data() + size_t(pixel) * 112;
            for (int c = 0; c < 96; c++) to[c] = counts[size_t(pixel) * 96 + c] * scales[c % 2];
            const auto clamped = [](double level) { return std::clamp(level, -20.0, 20.0); };
            const auto mean = [&](double from, double end) {
                return (std::exp(clamped(from)) + 4 * std::exp(clamped((from + end) / 2)) +
                        std::exp(clamped(end))) / 6;
            };
            double level = 0, instant = 0, blurry = 0, sharp = 0;
            for (int bin = 0; bin < 16; bin++) {
                const auto change = [&](int part) {
                    const int c = bin * 6 + part * 2;
                    return (to[c + 1] - to[c]) * 0.2;
                };
                const double reached = level + change(0), end = reached + change(1) + change(2);
                blurry += mean(level, end) / 16;
                sharp += overlap[bin] * mean(reached, reached + change(1));
                instant += change(0), level = end;
            }
            const double at = total > 0 ? std::log(sharp / total) : clamped(instant);
            to[96] = std::clamp(at - std::log(blurry), 0.0, 3.0) * 2;
            to[97] = std::clamp(std::log(blurry) - at, 0.0, 3.0) * 2;
        }
        std::vector<T> got(want.size(), T(NAN));
        run(("prior_" + suffix).c_str(),
            PriorArgs{&header, reinterpret_cast<const uint4*>(counts.data()), got.data(), h, w},
            (area + 127) / 128);
        // The prior's channels by themselves: beside a hot pixel's counts they are small.
        std::vector<T> got_prior;
        std::vector<double> want_prior;
        for (int i = 0; i < area * 112; i++)
            if (i % 112 >= 96) got_prior.push_back(got[i]), want_prior.push_back(want[i]);
        compare("prior_" + suffix, got, want, bound);
        compare("prior_" + suffix + ": prior", got_prior, want_prior, bound);
    }
}

template <class T>
void test_prior_planes(const std::string& suffix, double bound) {
    const int h = 5, w = 21, area = h * w;
    const auto planes = numbers(size_t(98) * area, 4);
    std::vector<double> want(size_t(area) * 112, 0.0);
    for (int i = 0; i < area; i++)
        for (int c = 0; c < 98; c++) want[size_t(i) * 112 + c] = planes[size_t(c) * area + i];
    std::vector<T> got(want.size(), T(NAN));
    run(("voxels_prior_" + suffix).c_str(), VoxelArgs{planes.data(), got.data(), h, w},
        (area * 112 + 255) / 256);
    compare("voxels_prior_" + suffix, got, want, bound);
}
}  // namespace

int main(int count, char** arguments) {
    for (int i = 1; i < count; i++) {
        order = static_cast<cpu::Order>(atoi(arguments[i]));
        random_bits.seed(1);
#define TEST_CONV(k, cin, cout, suffix, source, post) \
    test_conv("conv" #k "_" #cin "_" #cout suffix, k, cin, cout, source, post)
        TEST_CONV(7, 96, 16, "_counts", COUNTS, RELU);
        TEST_CONV(7, 96, 16, "", PLAIN, RELU);
        TEST_CONV(7, 112, 16, "", PLAIN, RELU);
        TEST_CONV(5, 16, 32, "_pooled", POOLED, RELU);
        TEST_CONV(3, 32, 64, "_pooled", POOLED, RELU);
        TEST_CONV(3, 64, 64, "", PLAIN, RELU);
        TEST_CONV(3, 64, 128, "_pooled", POOLED, RELU);
        TEST_CONV(3, 128, 128, "", PLAIN, RELU);
        TEST_CONV(3, 128, 128, "_pooled", POOLED, RELU);
        TEST_CONV(3, 128, 128, "_upsampled", UPSAMPLED, RELU_ADD);
        TEST_CONV(3, 128, 64, "_upsampled", UPSAMPLED, RELU_ADD);
        TEST_CONV(3, 64, 32, "_upsampled", UPSAMPLED, RELU_ADD);
        TEST_CONV(3, 32, 32, "", PLAIN, RELU);
        TEST_CONV(3, 32, 16, "_upsampled", UPSAMPLED, RELU_ADD);
        TEST_CONV(3, 16, 16, "", PLAIN, RELU);
        test_project(7, 16), test_project(5, 32), test_project(3, 64), test_project(3, 128);
        test_ends();
        test_fuse<16>(), test_fuse<32>(), test_fuse<64>(), test_fuse<128>();
        test_deform<16, 5>(13, 21), test_deform<32, 3>(13, 21);
        test_deform<64, 3>(13, 21), test_deform<128, 3>(13, 21);
        // The smallest maps; with 128 channels those of one row or column have no second sample.
        test_deform<16, 5>(2, 2), test_deform<32, 3>(2, 2), test_deform<64, 3>(2, 2);
        for (const auto& [h, w] : {std::pair{1, 1}, {1, 5}, {9, 1}, {2, 2}}) test_deform<128, 3>(h, w);
        test_eger();
        test_prior<half>("half", 1e-2), test_prior<float>("single", 1e-4);
        test_prior_planes<half>("half", 2e-3), test_prior_planes<float>("single", 1e-9);
        test_shrink();
    }
    printf("%d faults\n", faults);
    return faults != 0;
}
