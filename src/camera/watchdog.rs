//! The watchdog thread: replaces the worker thread when it hangs.

use crate::camera::shared::{Attempt, JOIN_TIMEOUT, MAX_STUCK_THREADS, Shared};
use crate::camera::worker::Worker;
use crate::camera::{Packet, Status};
use crate::panics::message;
use crate::time::{HostClock, Timestamp};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Joins a thread with a timeout. Returns whether the thread ended without a panic.
pub(crate) fn join(thread: JoinHandle<()>, timeout: Duration) -> bool {
    let started = Instant::now();
    while !thread.is_finished() {
        if started.elapsed() > timeout {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().is_ok()
}

/// Runs until the stream ends or is stopped. Only the threads here hold `packets`, so that its receiver
/// is disconnected at the end.
pub(crate) fn watch(shared: &Arc<Shared>, packets: Sender<Packet>) {
    let mut stuck: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stopping() {
        let attempt =
            Arc::new(Attempt { deadline_us: AtomicI64::new(0), abandoned: AtomicBool::new(false) });
        attempt.allow(shared.settings.open_stall);
        let (worker_shared, worker_attempt) = (shared.clone(), attempt.clone());
        let packets = packets.clone();
        let spawned = Builder::new().name(shared.name.clone()).spawn(move || {
            Worker { shared: &worker_shared, attempt: &worker_attempt, packets: &packets }.run()
        });
        let worker = match spawned {
            Ok(worker) => worker,
            Err(e) => {
                let why = format!("cannot start the camera thread: {e}");
                return shared.send_status(Status::Failed(why));
            }
        };
        loop {
            if shared.stopping() {
                join(worker, JOIN_TIMEOUT);
                return;
            }
            if worker.is_finished() {
                // A driver that panicked may be in any state, so the device is not opened again.
                if let Err(panic) = worker.join() {
                    shared.send_status(Status::Failed(message(&*panic)));
                }
                return;
            }
            let now_us = Timestamp::<HostClock>::now().us();
            let deadline_us = attempt.deadline_us.load(Ordering::Acquire);
            if now_us > deadline_us {
                attempt.abandoned.store(true, Ordering::Release);
                shared.send_status(Status::Stalled(shared.settings.stall));
                stuck.retain(|thread| !thread.is_finished());
                stuck.push(worker);
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if stuck.len() > MAX_STUCK_THREADS {
            let why = "the camera's library hangs repeatedly: unplug the camera, plug it in again \
                       and restart the program";
            return shared.send_status(Status::Failed(why.into()));
        }
    }
}
