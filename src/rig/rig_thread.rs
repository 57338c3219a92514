//! The thread that turns packets of one or two cameras into exposures.

use super::Preprocessed;
use super::clock::{ClockSettings, FrameTimer, SyncState};
use super::drop_log::DropLog;
use super::preprocess::Preprocessor;
use super::sync::{SyncBuffer, SyncSettings, SyncStats, SyncedExposure};
use crate::camera::{DropCause, DropUnit, Drops, Packet};
use crate::panics::{Locked, message};
use crate::rig::{Change, Changes, Input, Role};
use crate::time::{ClockMap, EventClock, HostClock, Timestamp};
use crossbeam_channel::{RecvTimeoutError, Select, Sender, unbounded};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Status of the rig.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RigState {
    /// How frames are timed.
    pub sync: SyncState,
    /// Counters of the synchronisation buffer.
    pub buffer: SyncStats,
    /// How often the assignment of pulses to frames changed.
    pub relocks: u64,
    /// Map from the event clock to the host clock: the earliest arrival time of an event.
    #[serde(skip)]
    pub arrival: Option<ClockMap<EventClock, HostClock>>,
    /// Counters of the preprocessing.
    pub preprocessed: Preprocessed,
}

/// Settings of a rig.
#[derive(Clone, Copy, Debug, Default)]
pub struct RigSettings {
    /// Settings of the clock mapping.
    pub clock: ClockSettings,
    /// Settings of the synchronisation buffer.
    pub sync: SyncSettings,
}

/// Longest wait for a packet before the thread checks for overdue frames.
const TICK: Duration = Duration::from_millis(5);

/// Interval between updates of the published status, in microseconds.
const STATUS_INTERVAL_US: i64 = 10_000;

/// A running rig.
#[derive(Debug)]
pub struct Rig {
    state: Arc<Mutex<RigState>>,
    changes: Sender<Change>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The panic message of the thread, if it panicked.
    failure: Option<String>,
}

impl Rig {
    /// Starts the thread. It calls `sink` with every exposure, in order.
    ///
    /// `sink` must not block. It can write to a mailbox that keeps the newest value, or to a
    /// recorder that counts its drops. When all `sources` have ended, the thread emits all waiting
    /// exposures and ends.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn start(
        sources: Vec<Input>,
        settings: RigSettings,
        drops: Drops,
        mut sink: impl FnMut(Arc<SyncedExposure>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut clocks = FrameTimer::new(settings.clock, drops.clone());
        let unread = drops.clone();
        let mut drop_log = DropLog::new(drops.clone());
        let mut buffer = SyncBuffer::new(settings.sync, drops);
        let mut preprocessor = Preprocessor::default();
        #[allow(
            clippy::disallowed_methods,
            reason = "a few requests of the user, emptied with every packet"
        )]
        let (changes, requests) = unbounded();
        let state = Arc::new(Mutex::new(read_state(&clocks, &buffer, &preprocessor)));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared_state, stopping) = (state.clone(), stop.clone());
        let thread = Builder::new().name("rig".into()).spawn(move || {
            let (mut sources, mut published) = (sources, None);
            while !sources.is_empty() && !stopping.load(Ordering::Acquire) {
                for change in requests.try_iter() {
                    if matches!(change, Change::Align(_)) {
                        clocks.realigned();
                    }
                    preprocessor.change(change);
                }
                match receive(&sources) {
                    Received::Packet(index, packet) => {
                        let _span = tracing::trace_span!("preprocess").entered();
                        let input = sources.get(index);
                        match input.and_then(|input| preprocessor.apply(input, packet)) {
                            Some(Packet::Events(packet)) => {
                                clocks.push_events(&packet);
                                buffer.push_events(packet);
                            }
                            Some(Packet::Frame(frame)) => clocks.push_frame(frame),
                            None => {}
                        }
                    }
                    Received::Ended(index) => {
                        sources.remove(index);
                    }
                    Received::Nothing => {}
                }
                let now = Timestamp::now();
                while let Some(frame) = clocks.pop(now) {
                    buffer.push_frame(frame);
                }
                while let Some(synced) = buffer.pop(now) {
                    let _span = tracing::trace_span!("exposure").entered();
                    sink(Arc::new(synced));
                }
                if published.is_none_or(|at: Timestamp<_>| now.since_us(at) > STATUS_INTERVAL_US) {
                    published = Some(now);
                    drop_log.update();
                    *shared_state.locked() = read_state(&clocks, &buffer, &preprocessor);
                }
            }
            sources.iter().for_each(|input| count_unread(input, &unread));
            clocks.finish().into_iter().for_each(|frame| buffer.push_frame(frame));
            buffer.finish().into_iter().for_each(|synced| sink(Arc::new(synced)));
            drop_log.finish();
            *shared_state.locked() = read_state(&clocks, &buffer, &preprocessor);
        })?;
        Ok(Self { state, changes, stop, thread: Some(thread), failure: None })
    }

    /// The current status.
    pub fn state(&self) -> RigState {
        self.state.locked().clone()
    }

    /// A handle to change the preprocessing.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.clone())
    }

    /// Waits for the thread to end, which happens after all sources have ended.
    ///
    /// # Errors
    /// The thread has panicked: in the sink, in a stage, or in the rig itself.
    pub fn join(&mut self) -> Result<(), String> {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            self.failure = Some(message(&*panic));
        }
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // The thread waits no longer than `TICK`, and the sink must not block.
            let _ = thread.join();
        }
    }
}

/// Counts the packets that are left in a channel when the rig is stopped.
fn count_unread(input: &Input, drops: &Drops) {
    for packet in input.packets.try_iter() {
        match (packet, input.role) {
            (Packet::Events(_), Role::Frames) | (Packet::Frame(_), Role::Events) => {}
            (Packet::Frame(_), _) => drops.add(DropCause::Queue, DropUnit::Frames, 1),
            (Packet::Events(packet), _) => {
                drops.add(DropCause::Queue, DropUnit::Events, packet.events.len() as u64);
                drops.add(DropCause::Queue, DropUnit::Gaps, 1);
            }
        }
    }
}

fn read_state(clocks: &FrameTimer, buffer: &SyncBuffer, preprocessor: &Preprocessor) -> RigState {
    RigState {
        sync: clocks.state(),
        buffer: buffer.stats(),
        relocks: clocks.relocks(),
        arrival: clocks.arrival(),
        preprocessed: preprocessor.stats(),
    }
}

enum Received {
    Packet(usize, Packet),
    Ended(usize),
    Nothing,
}

fn receive(sources: &[Input]) -> Received {
    if let [only] = sources {
        return match only.packets.recv_timeout(TICK) {
            Ok(packet) => Received::Packet(0, packet),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::Ended(0),
        };
    }
    let mut select = Select::new();
    sources.iter().for_each(|s| {
        select.recv(&s.packets);
    });
    let Ok(operation) = select.select_timeout(TICK) else { return Received::Nothing };
    let index = operation.index();
    match sources.get(index).map(|s| operation.recv(&s.packets)) {
        Some(Ok(packet)) => Received::Packet(index, packet),
        _ => Received::Ended(index),
    }
}
