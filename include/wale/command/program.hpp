#pragma once
// The program: what main() calls.

namespace wale::command {

/// Runs one command line. Returns the exit code; every foreseen failure has been reported by then.
int run_program(int argc, char** argv);

} // namespace wale::command
