//! The pairing thread: it makes pairs of exposures, and watches the disk.

use super::queue::{Shared, Waiting};
use super::writer::{Job, Reservation, Target, with_parts};
use super::{RecordSettings, Store};
use crate::panics::caught;
use crate::rig::sync::SyncedExposure;
use crate::sequence::{LossCount, MANIFEST, Manifest, Shapes, StopReason, file_name};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often the manifest is rewritten, so that a crash loses little of it.
const MANIFEST_INTERVAL: Duration = Duration::from_secs(2);
/// How soon a disk failure is detected when no exposures arrive.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// State of the pairing thread.
pub(super) struct Pairing {
    target: Arc<Target>,
    manifest: Manifest,
    settings: RecordSettings,
    scene: String,
    /// The first frame of the next pair.
    first: Option<Waiting>,
    /// Number of pairs that were sent to the writers.
    pairs_sent: u64,
    /// Epoch, start and end of the present range, and the total duration of the earlier ones.
    range: Option<(u32, i64, i64)>,
    earlier_us: i64,
    last_manifest: Instant,
}

impl Pairing {
    pub(super) fn new(
        folder: &Path,
        manifest: Manifest,
        settings: RecordSettings,
        store: Arc<dyn Store>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            target: Arc::new(Target {
                folder: folder.to_owned(),
                store,
                shared,
                packing: settings.packing,
                reserved: Arc::default(),
            }),
            scene: file_name(&manifest.session.scene),
            manifest,
            settings,
            first: None,
            pairs_sent: 0,
            range: None,
            earlier_us: 0,
            last_manifest: Instant::now(),
        }
    }

    /// Runs until the exposures or the recording end.
    pub(super) fn run(mut self, exposures: &Receiver<Waiting>) {
        // The writers have a pair each, and one more waits in the channel.
        let (jobs, queued) = bounded::<Job>(1);
        let threads: Vec<_> = (0..self.settings.writers.max(1))
            .filter_map(|i| {
                let (target, queued) = (self.target.clone(), queued.clone());
                let run = move || target.write_all(&queued);
                Builder::new().name(format!("recorder-disk-{i}")).spawn(run).ok()
            })
            .collect();
        drop(queued);
        let mut ending = if threads.is_empty() {
            StopReason::Failed("the system cannot start a writer thread".into())
        } else {
            caught(|| self.pair_all(exposures, &jobs)).unwrap_or_else(StopReason::Failed)
        };
        let shared = self.target.shared.clone();
        shared.close();
        drop(jobs);
        for thread in threads {
            // Panics are caught in `write_all`.
            let _ = thread.join();
        }
        let failed = matches!(ending, StopReason::DiskFull | StopReason::Failed(_));
        if let Some(why) = shared.failure().filter(|_| !failed) {
            ending = StopReason::Failed(why);
        }
        if ending != StopReason::Complete {
            shared.count_surplus(None);
        }
        self.count_remaining(exposures, &ending);
        shared.end(ending);
        if let Err(e) = caught(|| self.write_manifest()).and_then(|written| written) {
            shared.end(StopReason::Failed(e));
        }
    }

    /// Counts the exposures that remain in the queue: after a failure they are lost; after a
    /// complete recording they do not belong to it.
    fn count_remaining(&mut self, exposures: &Receiver<Waiting>, ending: &StopReason) {
        let shared = &self.target.shared;
        let failed = matches!(ending, StopReason::DiskFull | StopReason::Failed(_));
        let unwanted = exposures.try_iter().filter(|_| !failed);
        unwanted.for_each(Waiting::finish);
        if let Some(single) = self.first.take().filter(|_| !failed) {
            single.finish();
            shared.change(|p| p.unpaired += 1);
        }
    }

    fn pair_all(&mut self, exposures: &Receiver<Waiting>, jobs: &Sender<Job>) -> StopReason {
        loop {
            match exposures.recv_timeout(POLL_INTERVAL) {
                Ok(synced) => {
                    if let Some(ending) = self.take(synced, jobs) {
                        return ending;
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.target.shared.is_interrupted() => {
                    return StopReason::Interrupted;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.target.shared.requested(),
            }
            if let Some(why) = self.target.shared.failure() {
                return StopReason::Failed(why);
            }
            if self.last_manifest.elapsed() > MANIFEST_INTERVAL {
                if let Err(why) = self.write_manifest() {
                    return StopReason::Failed(why);
                }
                self.last_manifest = Instant::now();
            }
        }
    }

    fn take(&mut self, second: Waiting, jobs: &Sender<Job>) -> Option<StopReason> {
        let shared = self.target.shared.clone();
        shared.count_surplus(Some(second.number()));
        shared.change(|p| p.exposures += 1);
        let Some(first) = self.first.take() else {
            self.first = Some(second);
            return None;
        };
        if !follows(&first, &second) {
            first.finish();
            shared.change(|p| p.unpaired += 1);
            self.first = Some(second);
            return None;
        }
        let bytes = with_parts(&first, &second, |parts| parts.unpacked_bytes());
        match self.has_space(bytes) {
            Ok(true) => {}
            Ok(false) => return Some(StopReason::DiskFull),
            Err(why) => return Some(StopReason::Failed(why)),
        }
        self.update_shapes(&first, &second);
        let number = self.pairs_sent;
        self.pairs_sent += 1;
        let is_complete = self.settings.frames.is_some_and(|frames| self.pairs_sent * 2 >= frames);
        if is_complete {
            // Later exposures are rejected, without waiting for the last file.
            shared.close();
        }
        let reservation = Reservation::take(&self.target.reserved, bytes);
        let name = format!("{}_{number:05}.npz", self.scene);
        let job = Job { name, first, second, _reservation: reservation, thumbnail: number == 0 };
        if jobs.send(job).is_err() {
            return Some(StopReason::Failed("the writer threads have ended".into()));
        }
        is_complete.then_some(StopReason::Complete)
    }

    /// Whether the disk has space for `bytes` more. Sets a warning if it will soon be full or is
    /// too slow.
    fn has_space(&mut self, bytes: u64) -> Result<bool, String> {
        let Target { store, folder, shared, reserved, .. } = self.target.as_ref();
        let left = loop {
            let writing = reserved.load(Ordering::Acquire);
            let free =
                store.free_bytes(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            // Incomplete files may or may not be included in the free space.
            let left = free.saturating_sub(self.settings.reserve_bytes + writing);
            if left >= bytes {
                break left;
            }
            if writing == 0 {
                return Ok(false);
            }
            if let Some(why) = shared.failure() {
                return Err(why);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let pairs = left / bytes.max(1);
        let wanted = self.settings.frames.map(|f| f.div_ceil(2).saturating_sub(self.pairs_sent));
        let lost = shared.change(|p| p.lost);
        let waiting = shared.waiting();
        let warning = if lost > 0 {
            Some(format!("the disk is too slow: {lost} frames were lost, {waiting} are waiting"))
        } else if wanted.is_some_and(|wanted| pairs < wanted) {
            let wanted = wanted.unwrap_or(0);
            Some(format!(
                "the disk has space for {pairs} more pairs of frames, but {wanted} are needed"
            ))
        } else if pairs < self.settings.warn_pairs {
            Some(format!("the disk has space for {pairs} more pairs of frames"))
        } else if waiting * 2 > self.settings.queue as u64 {
            Some(format!("the disk is too slow: {waiting} frames are waiting in the queue"))
        } else {
            None
        };
        shared.change(|p| p.warning = warning);
        Ok(true)
    }

    /// Updates the duration and the shapes of the recording.
    fn update_shapes(&mut self, first: &SyncedExposure, second: &SyncedExposure) {
        let epoch = first.frame.epoch;
        let (start_us, end_us) = (first.frame.start.us(), second.frame.end.us());
        self.range = Some(match self.range {
            Some((e, start, _)) if e == epoch => (epoch, start, end_us),
            before => {
                self.earlier_us += before.map_or(0, |(_, start, end)| end - start);
                (epoch, start_us, end_us)
            }
        });
        let now_us = self.range.map_or(0, |(_, start, end)| end - start);
        let duration_us = self.earlier_us + now_us;
        self.target.shared.change(|p| p.duration_us = duration_us);
        let picture = &first.frame.picture;
        self.manifest.shapes.get_or_insert_with(|| Shapes {
            image: [picture.size().width, picture.size().height],
            channels: picture.channels(),
            sensor: [first.sensor.width, first.sensor.height],
            truth: first.frame.truth.is_some() && second.frame.truth.is_some(),
        });
    }

    /// Writes the manifest with the present state.
    pub(super) fn write_manifest(&mut self) -> Result<(), String> {
        let Target { shared, store, folder, .. } = self.target.as_ref();
        shared.merge_into(&mut self.manifest.session);
        self.manifest.progress = shared.full_progress();
        self.manifest.drops = shared.drops().iter().map(LossCount::new).collect();
        let json = serde_json::to_vec_pretty(&self.manifest).map_err(|e| e.to_string())?;
        store.write(&folder.join(MANIFEST), &json)
    }
}

/// Whether two exposures make a pair: same epoch and shapes, and consecutive.
fn follows(first: &SyncedExposure, second: &SyncedExposure) -> bool {
    let shape = |s: &SyncedExposure| (s.sensor, s.frame.picture.size(), s.frame.picture.channels());
    first.frame.epoch == second.frame.epoch
        && second.from <= first.frame.end
        && second.frame.start >= first.frame.end
        && shape(first) == shape(second)
}
