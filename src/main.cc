// wal-e: continuous archiving of PostgreSQL to object stores. Everything is in command/program.
#include <wale/command/program.hpp>

int main(int argc, char** argv) {
  return wale::command::run_program(argc, argv);
}
