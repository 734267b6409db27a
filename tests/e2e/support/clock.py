"""Another clock for a program: the library of faketime(1), for LD_PRELOAD."""

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
