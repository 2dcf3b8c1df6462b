#include "core/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace golong {
namespace {

TEST(ThreadPool, RunsEverythingThatWasSubmitted) {
  std::atomic<int> sum = 0;
  {
    ThreadPool pool(3);
    std::latch done(1000);
    for (int i = 0; i < 1000; ++i) {
      pool.submit([&, i] {
        sum += i;
        done.count_down();
      });
    }
    done.wait();
  }
  EXPECT_EQ(sum, 1000 * 999 / 2);
}

TEST(ThreadPool, HasTheThreadsThatWereAskedFor) {
  EXPECT_EQ(ThreadPool(5).threads(), 5u);
  EXPECT_GE(ThreadPool(0).threads(), 1u);
  ThreadPool pool(4);
  std::latch all(4);  // reached only where four pieces of work run at the same time
  std::mutex mutex;
  std::set<ThreadPool::Worker> workers;
  std::latch done(4);
  for (int i = 0; i < 4; ++i) {
    pool.submit([&] {
      all.arrive_and_wait();
      {
        std::lock_guard lock(mutex);
        workers.insert(ThreadPool::current());
      }
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(workers.size(), 4u);
}

TEST(ThreadPool, WhatIsSubmittedNextComesBeforeWhatWaits) {
  ThreadPool pool(1);
  std::promise<void> open, end;
  std::vector<int> order;
  pool.submit([&] { open.get_future().wait(); });
  pool.submit([&] { order.push_back(1); });
  pool.submit([&] {
    order.push_back(2);
    end.set_value();
  });
  pool.submit_next([&] { order.push_back(0); });
  open.set_value();
  end.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(ThreadPool, TheDestructorWaitsForWorkThatRuns) {
  std::promise<void> started, open;
  std::atomic<bool> has_ended = false;
  std::thread opener;
  {
    ThreadPool pool(1);
    pool.submit([&] {
      started.set_value();
      open.get_future().wait();
      has_ended = true;
    });
    started.get_future().wait();
    opener = std::thread([&] { open.set_value(); });
  }
  EXPECT_TRUE(has_ended);
  opener.join();
}

TEST(ThreadPool, AWorkerThatIsGivenUpIsReplaced) {
  auto open = std::make_shared<std::promise<void>>();
  auto returned = std::make_shared<std::promise<void>>();
  std::future<void> has_returned = returned->get_future();
  {
    ThreadPool pool(1);
    std::promise<ThreadPool::Worker> worker;
    pool.submit([open, returned, &worker] {
      worker.set_value(ThreadPool::current());
      open->get_future().wait();
      returned->set_value();
    });
    ThreadPool::Worker hanging = worker.get_future().get();
    pool.give_up(hanging);
    pool.give_up(hanging);  // a second time does nothing
    std::promise<ThreadPool::Worker> other;
    pool.submit([&] { other.set_value(ThreadPool::current()); });
    EXPECT_NE(other.get_future().get(), hanging);
  }  // does not wait for the one that hangs
  open->set_value();
  has_returned.wait();
}

}  // namespace
}  // namespace golong
