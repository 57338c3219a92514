//! The thread that watches the worker and replaces it when it hangs.

use crate::camera::Status;
use crate::camera::shared::{FAREWELL, MAX_STUCK, Shared, Turn};
use crate::camera::worker::Worker;
use crate::panics::message;
use crate::time::{HostClock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Joins a thread unless it takes longer than `patience`.
pub(crate) fn join(thread: JoinHandle<()>, patience: Duration) -> bool {
    let started = Instant::now();
    while !thread.is_finished() {
        if started.elapsed() > patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().is_ok()
}

pub(crate) fn watch(shared: &Arc<Shared>) {
    let mut stuck: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stopping() {
        let turn =
            Arc::new(Turn { speak_by_us: AtomicI64::new(0), abandoned: AtomicBool::new(false) });
        turn.allow(shared.settings.open_stall);
        let (of_worker, its_turn) = (shared.clone(), turn.clone());
        let spawned = Builder::new()
            .name(shared.name.clone())
            .spawn(move || Worker { shared: &of_worker, turn: &its_turn }.run());
        let worker = match spawned {
            Ok(worker) => worker,
            Err(e) => return shared.send_status(Status::Failed(format!("no thread: {e}"))),
        };
        loop {
            if shared.stopping() {
                join(worker, FAREWELL);
                return;
            }
            if worker.is_finished() {
                // A driver that panicked may be in any state: the device is not opened again.
                if let Err(panic) = worker.join() {
                    shared.send_status(Status::Failed(message(&*panic)));
                }
                return;
            }
            let now = Timestamp::<HostClock>::now().us();
            let by = turn.speak_by_us.load(Ordering::Acquire);
            if now > by {
                turn.abandoned.store(true, Ordering::Release);
                shared.send_status(Status::Stalled(shared.settings.stall));
                stuck.retain(|thread| !thread.is_finished());
                stuck.push(worker);
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if stuck.len() > MAX_STUCK {
            let why = "its library hangs again and again: unplug the camera, plug it in again \
                       and restart the program";
            return shared.send_status(Status::Failed(why.into()));
        }
    }
}
