//! The recorder's threads: one pairs exposures and watches the disk, others pack and write.

use super::queue::{Shared, Waiting};
use super::{RecordSettings, Store};
use crate::event::Event;
use crate::formats::npz::Packing;
use crate::image::ImageU8;
use crate::panics::caught;
use crate::rig::sync::{LostRange, SyncedExposure};
use crate::sequence::catalog::{THUMBNAIL_SIDE, shrink};
use crate::sequence::{
    Lost, MANIFEST, Manifest, PairRef, Shapes, StopReason, THUMBNAIL, file_name,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often the manifest is written anew, so that a crash loses little of it.
const MANIFEST_EVERY: Duration = Duration::from_secs(2);
/// How soon a failure of the disk is noticed when no exposures come.
const TICK: Duration = Duration::from_millis(20);

/// Two exposures on their way to the disk.
struct Job {
    name: String,
    first: Waiting,
    second: Waiting,
    /// What it will take at most.
    _room: Room,
    /// The first pair, of which there is a thumbnail.
    thumbnail: bool,
}

/// Bytes that are kept free for a pair until it is on the disk, or given up.
struct Room {
    under_way: Arc<AtomicU64>,
    bytes: u64,
}

impl Room {
    fn take(under_way: &Arc<AtomicU64>, bytes: u64) -> Self {
        under_way.fetch_add(bytes, Ordering::AcqRel);
        Self { under_way: under_way.clone(), bytes }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.bytes, Ordering::Release);
    }
}

/// What a thread needs to write.
struct Place {
    folder: PathBuf,
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    packing: Packing,
    /// Bytes of pairs that are being written.
    under_way: Arc<AtomicU64>,
}

/// The thread that pairs.
pub(super) struct Pairing {
    place: Arc<Place>,
    manifest: Manifest,
    settings: RecordSettings,
    scene: String,
    /// The first frame of the next pair.
    first: Option<Waiting>,
    /// Pairs that were handed to be written.
    paired: u64,
    /// Epoch, start and end of the stretch that is being recorded; time of those before.
    stretch: Option<(u32, i64, i64)>,
    before_us: i64,
    told: Instant,
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
            place: Arc::new(Place {
                folder: folder.to_owned(),
                store,
                shared,
                packing: settings.packing,
                under_way: Arc::default(),
            }),
            scene: file_name(&manifest.session.scene),
            manifest,
            settings,
            first: None,
            paired: 0,
            stretch: None,
            before_us: 0,
            told: Instant::now(),
        }
    }

    /// Runs until exposures end or recording does.
    pub(super) fn run(mut self, exposures: &Receiver<Waiting>) {
        // A pair for each thread, and one that waits for the first of them to be free.
        let (jobs, taken) = bounded::<Job>(1);
        let threads: Vec<_> = (0..self.settings.writers.max(1))
            .filter_map(|i| {
                let (place, taken) = (self.place.clone(), taken.clone());
                let run = move || place.write_all(&taken);
                Builder::new().name(format!("recorder-disk-{i}")).spawn(run).ok()
            })
            .collect();
        drop(taken);
        let mut ending = if threads.is_empty() {
            StopReason::Failed("the system gives no thread to write with".into())
        } else {
            caught(|| self.pair_all(exposures, &jobs)).unwrap_or_else(StopReason::Failed)
        };
        let shared = self.place.shared.clone();
        shared.close();
        drop(jobs);
        for thread in threads {
            // Panics are caught where a pair is written.
            let _ = thread.join();
        }
        if let (Some(why), StopReason::Requested | StopReason::Complete) =
            (shared.failure(), &ending)
        {
            ending = StopReason::Failed(why);
        }
        self.count_rest(exposures, &ending);
        shared.end(ending);
        if let Err(e) = caught(|| self.write_manifest()).and_then(|written| written) {
            shared.end(StopReason::Failed(e));
        }
    }

    /// What came after the end of a recording that failed was wanted and is lost; after one
    /// that is complete nobody wanted it.
    fn count_rest(&mut self, exposures: &Receiver<Waiting>, ending: &StopReason) {
        let shared = &self.place.shared;
        let failed = matches!(ending, StopReason::DiskFull | StopReason::Failed(_));
        let unwanted = exposures.try_iter().filter(|_| !failed);
        unwanted.for_each(Waiting::settle);
        if let Some(alone) = self.first.take().filter(|_| !failed) {
            alone.settle();
            shared.change(|p| p.unpaired += 1);
        }
    }

    fn pair_all(&mut self, exposures: &Receiver<Waiting>, jobs: &Sender<Job>) -> StopReason {
        loop {
            match exposures.recv_timeout(TICK) {
                Ok(synced) => {
                    if let Some(ending) = self.take(synced, jobs) {
                        return ending;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return StopReason::Requested,
            }
            if let Some(why) = self.place.shared.failure() {
                return StopReason::Failed(why);
            }
            if self.told.elapsed() > MANIFEST_EVERY {
                if let Err(why) = self.write_manifest() {
                    return StopReason::Failed(why);
                }
                self.told = Instant::now();
            }
        }
    }

    fn take(&mut self, second: Waiting, jobs: &Sender<Job>) -> Option<StopReason> {
        let shared = self.place.shared.clone();
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
        let bytes = parts(&first, &second, |parts| parts.unpacked_bytes());
        match self.room(bytes) {
            Ok(true) => {}
            Ok(false) => return Some(StopReason::DiskFull),
            Err(why) => return Some(StopReason::Failed(why)),
        }
        self.measure(&first, &second);
        let number = self.paired;
        self.paired += 1;
        let enough = self.settings.frames.is_some_and(|frames| self.paired * 2 >= frames);
        if enough {
            // What comes from now on need not wait for the last file.
            shared.close();
        }
        let room = Room::take(&self.place.under_way, bytes);
        let name = format!("{}_{number:05}.npz", self.scene);
        let job = Job { name, first, second, _room: room, thumbnail: number == 0 };
        if jobs.send(job).is_err() {
            return Some(StopReason::Failed("the threads that write have ended".into()));
        }
        enough.then_some(StopReason::Complete)
    }

    /// Whether the disk has room for `bytes` more; warns where it soon has not, and where it
    /// falls behind.
    fn room(&mut self, bytes: u64) -> Result<bool, String> {
        let Place { store, folder, shared, under_way, .. } = self.place.as_ref();
        let left = loop {
            let writing = under_way.load(Ordering::Acquire);
            let free =
                store.free_bytes(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            // What is half written may or may not be counted as taken yet.
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
        let wanted = self.settings.frames.map(|f| f.div_ceil(2).saturating_sub(self.paired));
        let lost = shared.change(|p| p.lost);
        let waiting = shared.waiting();
        let warning = if lost > 0 {
            Some(format!("the disk is too slow: {lost} frames were lost, {waiting} wait"))
        } else if wanted.is_some_and(|wanted| pairs < wanted) {
            let wanted = wanted.unwrap_or(0);
            Some(format!("the disk has room for {pairs} more pairs of frames, not for {wanted}"))
        } else if pairs < self.settings.warn_pairs {
            Some(format!("the disk has room for {pairs} more pairs of frames"))
        } else if waiting * 2 > self.settings.queue as u64 {
            Some(format!("the disk is too slow: {waiting} frames wait for it"))
        } else {
            None
        };
        shared.change(|p| p.warning = warning);
        Ok(true)
    }

    /// Keeps the time that was recorded, and the shapes.
    fn measure(&mut self, first: &SyncedExposure, second: &SyncedExposure) {
        let epoch = first.frame.epoch;
        let (start_us, end_us) = (first.frame.start.us(), second.frame.end.us());
        self.stretch = Some(match self.stretch {
            Some((e, start, _)) if e == epoch => (epoch, start, end_us),
            before => {
                self.before_us += before.map_or(0, |(_, start, end)| end - start);
                (epoch, start_us, end_us)
            }
        });
        let now_us = self.stretch.map_or(0, |(_, start, end)| end - start);
        let duration_us = self.before_us + now_us;
        self.place.shared.change(|p| p.duration_us = duration_us);
        let picture = &first.frame.picture;
        self.manifest.shapes.get_or_insert_with(|| Shapes {
            image: [picture.size().width, picture.size().height],
            channels: picture.channels(),
            sensor: [first.sensor.width, first.sensor.height],
            truth: first.frame.truth.is_some() && second.frame.truth.is_some(),
        });
    }

    /// Writes the manifest as things stand.
    pub(super) fn write_manifest(&mut self) -> Result<(), String> {
        let Place { shared, store, folder, .. } = self.place.as_ref();
        shared.complete(&mut self.manifest.session);
        self.manifest.progress = shared.full_progress();
        self.manifest.drops = shared.drops().iter().map(Lost::new).collect();
        let json = serde_json::to_vec_pretty(&self.manifest).map_err(|e| e.to_string())?;
        store.write(&folder.join(MANIFEST), &json)
    }
}

impl Place {
    /// A thread that writes pairs until there are no more; its buffer is used again and again.
    fn write_all(&self, jobs: &Receiver<Job>) {
        let mut buffer = Vec::new();
        for job in jobs {
            // After a failure the rest is lost; the thread goes on, so that nothing waits for it.
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
        parts(first, second, |parts| parts.encode(self.packing, buffer))
            .map_err(|e| format!("{name}: {e}"))?;
        self.store.write(&self.folder.join(name), buffer)?;
        let start = first.frame.start.us();
        let gaps = first.missing.iter().filter(|g| g.until_us > start).chain(&second.missing);
        let gaps: Vec<LostRange> = gaps.copied().collect();
        if !gaps.is_empty() {
            self.shared.note_missing(name, gaps);
        }
        if first.lossy || second.lossy {
            self.shared.note_lossy(name);
        }
        self.shared.change(|p| {
            p.pairs += 1;
            p.bytes += buffer.len() as u64;
        });
        if job.thumbnail {
            // Made again from the frames where it is missing, so its failure is none.
            if let Some(png) = png(&shrink(&first.frame.picture, THUMBNAIL_SIDE)) {
                let _ = self.store.write(&self.folder.join(THUMBNAIL), &png);
            }
        }
        Ok(())
    }
}

/// Whether two exposures make a pair: of one clock and one shape, with nothing between.
fn follows(first: &SyncedExposure, second: &SyncedExposure) -> bool {
    let shape = |s: &SyncedExposure| (s.sensor, s.frame.picture.size(), s.frame.picture.channels());
    first.frame.epoch == second.frame.epoch
        && second.from <= first.frame.end
        && second.frame.start >= first.frame.end
        && shape(first) == shape(second)
}

/// Two exposures as a pair, the second with everything since the end of the first, and with
/// what is known of the sharp images in the middle of both.
fn parts<T>(
    first: &SyncedExposure,
    second: &SyncedExposure,
    use_it: impl FnOnce(PairRef<'_>) -> T,
) -> T {
    let (a, b) = (first.span(), second.span());
    let since = second.events.partition_point(|e| e.t_us < a.until_us);
    let events: [&[Event]; 2] =
        [first.exposure_events(), second.events.get(since..).unwrap_or(&[])];
    let middle = |span: LostRange| span.from_us + (span.until_us - span.from_us) / 2;
    let truths: Vec<(i64, &ImageU8)> = match (&first.frame.truth, &second.frame.truth) {
        (Some(one), Some(two)) => vec![(middle(a), one), (middle(b), two)],
        _ => Vec::new(),
    };
    use_it(PairRef {
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
