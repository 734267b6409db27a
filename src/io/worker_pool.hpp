#pragma once
// Threads for calls that block and for CPU work. None exists before the first job, and one is added
// only when a job finds no idle one: a short-lived process starts no thread it does not need.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace wale::io {

class worker_pool {
public:
  class job {
  public:
    virtual ~job() = default;
    /// Called on a worker, once.
    virtual void run() noexcept = 0;
  };

  explicit worker_pool(unsigned limit) noexcept : limit_(limit) {}
  ~worker_pool() { stop(); }
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// From any thread; forgets `j` once stop() has begun. `j` lives until it has run, was withdrawn,
  /// or stop() has returned.
  void submit(job& j) { submit(j, false); }
  /// The same, before all that wait.
  void submit_first(job& j) { submit(j, true); }
  /// True if the job had not begun; it will not run then.
  bool withdraw(job& j) noexcept;
  /// Forgets the jobs that have not begun and waits for the others.
  void stop() noexcept;
  unsigned limit() const noexcept { return limit_; }

private:
  void submit(job& j, bool first);
  void work() noexcept;
  bool add_thread() noexcept;

  const unsigned limit_;
  std::mutex mutex_;
  std::condition_variable has_job_;
  std::deque<job*> queue_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace wale::io
