//! The writer threads: they encode pairs and write them.

use super::Store;
use super::queue::{Shared, Waiting};
use crate::event::Event;
use crate::formats::npz::Packing;
use crate::formats::pictures::encode_png;
use crate::image::ImageU8;
use crate::panics::caught;
use crate::rig::sync::SyncedExposure;
use crate::sequence::catalog::THUMBNAIL_SIDE;
use crate::sequence::pair_error::scale_factor;
use crate::sequence::{PairRef, THUMBNAIL};
use crate::time::RangeUs;
use crossbeam_channel::Receiver;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two exposures on their way to the disk.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) first: Waiting,
    pub(super) second: Waiting,
    /// The disk space that is reserved for it.
    pub(super) _reservation: Reservation,
    /// Whether it is the first pair, which also gives the thumbnail.
    pub(super) thumbnail: bool,
}

/// Disk space reserved for a pair until it is written or lost.
pub(super) struct Reservation {
    reserved: Arc<AtomicU64>,
    bytes: u64,
}

impl Reservation {
    pub(super) fn take(reserved: &Arc<AtomicU64>, bytes: u64) -> Self {
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
pub(super) struct Target {
    pub(super) folder: PathBuf,
    pub(super) store: Arc<dyn Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) packing: Packing,
    /// Reserved bytes of the pairs that are being written.
    pub(super) reserved: Arc<AtomicU64>,
}

impl Target {
    /// Body of a writer thread: writes pairs until the channel closes, with one reused buffer.
    pub(super) fn write_all(&self, jobs: &Receiver<Job>) {
        let mut buffer = Vec::new();
        for job in jobs {
            // After a failure the rest is lost; the thread continues to receive, so that the
            // sender does not block.
            if self.shared.failure().is_some() {
                continue;
            }
            match caught(|| self.write(&job, &mut buffer)).and_then(|written| written) {
                Ok(()) => {
                    job.first.finish();
                    job.second.finish();
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
            if let Ok(png) = encode_png(&first.frame.picture.shrunk_to_fit(THUMBNAIL_SIDE)) {
                let _ = self.store.write(&self.folder.join(THUMBNAIL), &png);
            }
        }
        Ok(())
    }
}

/// Passes two exposures as a pair to `f`: the events of the second start at the end of the first
/// exposure, and the ground truth lies in the middle of both exposures.
pub(super) fn with_parts<T>(
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
        scale_factor: scale_factor(first.frame.picture.size(), first.sensor),
        truths: &truths,
    })
}
