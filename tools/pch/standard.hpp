// What nearly every unit includes, compiled once for each library (meson's cpp_pch). Units
// include what they use all the same: a build with -Db_pch=false must work.

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
