//! The recorder's threads: one pairs exposures and watches the disk, others encode and write.

use super::queue::{Shared, Waiting};
use super::{RecordSettings, Store};
use crate::event::Event;
use crate::formats::npz::Packing;
use crate::image::ImageU8;
use crate::panics::caught;
use crate::rig::sync::SyncedExposure;
use crate::sequence::catalog::{THUMBNAIL_SIDE, shrink};
use crate::sequence::{
    Lost, MANIFEST, Manifest, PairRef, Shapes, StopReason, THUMBNAIL, file_name,
};
use crate::time::RangeUs;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often the manifest is rewritten, so that a crash loses little of it.
const MANIFEST_INTERVAL: Duration = Duration::from_secs(2);
/// How soon a disk failure is detected when no exposures arrive.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Two exposures on their way to the disk.
struct Job {
    name: String,
    first: Waiting,
    second: Waiting,
    /// The disk space that is reserved for it.
    _reservation: Reservation,
    /// Whether it is the first pair, which also gives the thumbnail.
    thumbnail: bool,
}

/// Disk space reserved for a pair until it is written or lost.
struct Reservation {
    reserved: Arc<AtomicU64>,
    bytes: u64,
}

impl Reservation {
    fn take(reserved: &Arc<AtomicU64>, bytes: u64) -> Self {
        reserved.fetch_add(bytes, Ordering::AcqRel);
        Self { reserved: reserved.clone(), bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.reserved.fetch_sub(self.bytes, Ordering::Release);
    }
}

/// What a writer thread needs.
struct Target {
    folder: PathBuf,
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    packing: Packing,
    /// Reserved bytes of the pairs that are being written.
    reserved: Arc<AtomicU64>,
}

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
        unwanted.for_each(Waiting::settle);
        if let Some(single) = self.first.take().filter(|_| !failed) {
            single.settle();
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
            first.settle();
            shared.change(|p| p.unpaired += 1);
            self.first = Some(second);
            return None;
        }
        let bytes = with_parts(&first, &second, |parts| parts.unpacked_bytes());
        match self.room(bytes) {
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
        let room = Reservation::take(&self.target.reserved, bytes);
        let name = format!("{}_{number:05}.npz", self.scene);
        let job = Job { name, first, second, _reservation: room, thumbnail: number == 0 };
        if jobs.send(job).is_err() {
            return Some(StopReason::Failed("the writer threads have ended".into()));
        }
        is_complete.then_some(StopReason::Complete)
    }

    /// Whether the disk has room for `bytes` more. Sets a warning if it will soon be full or is too
    /// slow.
    fn room(&mut self, bytes: u64) -> Result<bool, String> {
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
            Some(format!("the disk is too slow: {lost} frames were lost, {waiting} wait"))
        } else if wanted.is_some_and(|wanted| pairs < wanted) {
            let wanted = wanted.unwrap_or(0);
            Some(format!(
                "the disk has room for {pairs} more pairs of frames, but {wanted} are needed"
            ))
        } else if pairs < self.settings.warn_pairs {
            Some(format!("the disk has room for {pairs} more pairs of frames"))
        } else if waiting * 2 > self.settings.queue as u64 {
            Some(format!("the disk is too slow: {waiting} frames wait in the queue"))
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
        self.manifest.drops = shared.drops().iter().map(Lost::new).collect();
        let json = serde_json::to_vec_pretty(&self.manifest).map_err(|e| e.to_string())?;
        store.write(&folder.join(MANIFEST), &json)
    }
}

impl Target {
    /// Body of a writer thread: writes pairs until the channel closes, with one reused buffer.
    fn write_all(&self, jobs: &Receiver<Job>) {
        let mut buffer = Vec::new();
        for job in jobs {
            // After a failure the rest is lost; the thread continues to receive, so that the
            // sender does not block.
            if self.shared.failure().is_some() {
                continue;
            }
            match caught(|| self.write(&job, &mut buffer)).and_then(|written| written) {
                Ok(()) => {
                    job.first.settle();
                    job.second.settle();
                }
                Err(why) => self.shared.fail(why),
            }
        }
    }

    fn write(&self, job: &Job, buffer: &mut Vec<u8>) -> Result<(), String> {
        let Job { name, first, second, .. } = job;
        let _span = tracing::trace_span!("write pair", name = name.as_str()).entered();
        with_parts(first, second, |parts| parts.encode(self.packing, buffer))
            .map_err(|e| format!("{name}: {e}"))?;
        self.store.write(&self.folder.join(name), buffer)?;
        let start = first.frame.start.us();
        let gaps = first.missing.iter().filter(|g| g.until_us > start).chain(&second.missing);
        let gaps: Vec<RangeUs> = gaps.copied().collect();
        if !gaps.is_empty() {
            self.shared.add_missing(name, gaps);
        }
        if first.lossy || second.lossy {
            self.shared.add_lossy(name);
        }
        self.shared.change(|p| {
            p.pairs += 1;
            p.bytes += buffer.len() as u64;
        });
        if job.thumbnail {
            // A failure is ignored: the catalog can make the thumbnail from the frames.
            if let Some(png) = png(&shrink(&first.frame.picture, THUMBNAIL_SIDE)) {
                let _ = self.store.write(&self.folder.join(THUMBNAIL), &png);
            }
        }
        Ok(())
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

/// Passes two exposures as a pair to `f`: the events of the second start at the end of the first
/// exposure, and the ground truth lies in the middle of both exposures.
fn with_parts<T>(
    first: &SyncedExposure,
    second: &SyncedExposure,
    f: impl FnOnce(PairRef<'_>) -> T,
) -> T {
    let (a, b) = (first.span(), second.span());
    let since = second.events.partition_point(|e| e.t_us < a.until_us);
    let events: [&[Event]; 2] =
        [first.exposure_events(), second.events.get(since..).unwrap_or(&[])];
    let middle = |span: RangeUs| span.from_us + (span.until_us - span.from_us) / 2;
    let truths: Vec<(i64, &ImageU8)> = match (&first.frame.truth, &second.frame.truth) {
        (Some(one), Some(two)) => vec![(middle(a), one), (middle(b), two)],
        _ => Vec::new(),
    };
    f(PairRef {
        frames: [&first.frame.picture, &second.frame.picture],
        exposures_us: [[a.from_us, a.until_us], [b.from_us, b.until_us]],
        events: &events,
        scale_factor: first.frame.picture.size().width as f64 / first.sensor.width.max(1) as f64,
        truths: &truths,
    })
}

fn png(picture: &ImageU8) -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let (width, height) = (picture.size().width, picture.size().height);
    image::write_buffer_with_format(
        &mut bytes,
        &picture.to_rgb(),
        u32::try_from(width).ok()?,
        u32::try_from(height).ok()?,
        image::ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .ok()?;
    Some(bytes.into_inner())
}
