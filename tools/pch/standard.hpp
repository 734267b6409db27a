// What nearly every unit includes, compiled once for each library (meson's cpp_pch). A build
// without it (tools/build clang) keeps every unit complete by itself.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
