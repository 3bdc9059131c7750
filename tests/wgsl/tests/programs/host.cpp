// The run time behind `host.h`: a thread for each invocation, one workgroup after another.
#include "host.h"
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace host {
thread_local coordinates thread, block;
coordinates extent, grid;
static std::unique_ptr<std::barrier<>> all;
static std::vector<std::unique_ptr<std::barrier<>>> waves;
static std::vector<unsigned> exchanged;

static unsigned wave_size(unsigned wave) {
    const unsigned rest = extent.x * extent.y * extent.z - 32 * wave;
    return rest < 32 ? rest : 32;
}
void wait() { all->arrive_and_wait(); }
void wave_wait() { waves[invocation() / 32]->arrive_and_wait(); }
unsigned shuffle(unsigned x, int from) {
    const unsigned wave = invocation() / 32;
    exchanged[invocation()] = x;
    wave_wait();
    const unsigned result = from >= 0 && from < int(wave_size(wave)) ? exchanged[32 * wave + unsigned(from)] : x;
    wave_wait();
    return result;
}
unsigned long long ballot(bool p) {
    const unsigned first = invocation() / 32 * 32;
    exchanged[invocation()] = p;
    wave_wait();
    unsigned long long votes = 0;
    for (unsigned lane = 0; lane < wave_size(first / 32); lane++) {
        votes |= (unsigned long long)(exchanged[first + lane]) << lane;
    }
    wave_wait();
    return votes;
}

void launch(coordinates groups, coordinates size, void (*kernel)(void*), void* state) {
    grid = groups;
    extent = size;
    const unsigned invocations = size.x * size.y * size.z;
    for (unsigned g = 0; g < groups.x * groups.y * groups.z; g++) {
        all = std::make_unique<std::barrier<>>(invocations);
        waves.clear();
        for (unsigned first = 0; first < invocations; first += 32) {
            waves.push_back(std::make_unique<std::barrier<>>(wave_size(first / 32)));
        }
        exchanged.assign(invocations, 0);
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < invocations; i++) {
            threads.emplace_back([=] {
                thread = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
                block = {g % groups.x, g / groups.x % groups.y, g / (groups.x * groups.y)};
                kernel(state);
                all->arrive_and_drop();
                waves[i / 32]->arrive_and_drop();
            });
        }
        for (std::thread& t : threads) {
            t.join();
        }
    }
}

static FILE* input;
static const char* output;
static std::vector<std::pair<void*, size_t>> buffers;

void open(int count, char** arguments) {
    if (count != 3 || !(input = std::fopen(arguments[1], "rb"))) {
        std::exit(2);
    }
    output = arguments[2];
}
// Exactly as long as it should be, so that the sanitizer sees an access behind its end.
static void* take(size_t bytes) {
    void* place = std::malloc(bytes);
    if (std::fread(place, 1, bytes, input) != bytes) {
        std::exit(3);
    }
    buffers.emplace_back(place, bytes);
    return place;
}
pointer buffer(unsigned long bytes) { return {take(bytes)}; }
value given(unsigned long bytes) { return {take(bytes)}; }
int close() {
    FILE* file = std::fopen(output, "wb");
    for (auto [place, bytes] : buffers) {
        std::fwrite(place, 1, bytes, file);
        std::free(place);
    }
    std::fclose(file);
    std::fclose(input);
    return 0;
}
} // namespace host
