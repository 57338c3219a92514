//! Disks that are slow, full or fail, and threads that panic.

use super::*;

/// A disk that fills up, is slow, or fails.
struct FakeDisk {
    free: Arc<Mutex<u64>>,
    fail_after: u64,
    delay: Duration,
    written: Mutex<u64>,
}

impl FakeDisk {
    fn new(free: u64, fail_after: u64, delay: Duration) -> Box<Self> {
        let free = Arc::new(Mutex::new(free));
        Box::new(Self { free, fail_after, delay, written: Mutex::new(0) })
    }
}

impl Store for FakeDisk {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(*self.free.lock().unwrap())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        if path.extension().is_some_and(|e| e == "npz") {
            std::thread::sleep(self.delay);
            let mut written = self.written.lock().unwrap();
            if *written == self.fail_after {
                return Err(format!("cannot write {}: no space left on device", path.display()));
            }
            *written += 1;
            *self.free.lock().unwrap() -= bytes.len() as u64;
        }
        Disk.write(path, bytes)
    }
}

#[test]
fn a_disk_that_fills_up_gives_a_warning_and_ends_the_recording_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let settings = RecordSettings { reserve_bytes: 50_000, warn_pairs: 8, ..UNLIMITED };
    let recorder =
        start(folder.path(), settings, &drops, FakeDisk::new(200_000, u64::MAX, Duration::ZERO));
    (0..60).for_each(|i| recorder.push(synced(i, 0)));
    let until = Instant::now() + Duration::from_secs(5);
    while recorder.progress().ending.is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let progress = recorder.finish();
    assert_eq!(progress.ending, Some(StopReason::DiskFull));
    assert!(progress.warning.is_some_and(|w| w.contains("space for")));
    let bytes: u64 = files(folder.path()).iter().map(|f| f.metadata().unwrap().len()).sum();
    assert!(
        (100_000..150_000).contains(&bytes),
        "not the whole space above the reserve is used: {bytes}"
    );
    assert_eq!(progress.bytes, bytes);
    assert_eq!(files(folder.path()).len() as u64, progress.pairs);
    assert!(files(folder.path()).iter().all(|f| Pair::read(f).is_ok()));
    assert_eq!(drops.get(DropCause::Disk, DropUnit::Frames), progress.lost);
    assert!(progress.lost >= 2);
}

#[test]
fn a_failed_write_is_reported_and_leaves_only_complete_files() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let recorder =
        start(folder.path(), UNLIMITED, &drops, FakeDisk::new(1 << 40, 3, Duration::ZERO));
    (0..20).for_each(|i| recorder.push(synced(i, 0)));
    let progress = recorder.finish();
    assert!(
        matches!(&progress.ending, Some(StopReason::Failed(why)) if why.contains("no space")),
        "{progress:?}"
    );
    assert_eq!((progress.pairs, files(folder.path()).len()), (3, 3));
    assert!(progress.lost >= 2);
}

/// A disk whose driver panics: when a pair is written, or when the free space is requested after
/// the recording has started.
struct Panicking {
    free: u64,
    on_write: bool,
    requests: AtomicU64,
}

impl Store for Panicking {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        assert!(self.on_write || self.requests.fetch_add(1, Ordering::Relaxed) == 0, "on purpose");
        Ok(self.free)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        assert!(path.extension().is_none_or(|e| e != "npz"), "on purpose");
        Disk.write(path, bytes)
    }
}

#[test]
fn a_panic_in_a_recorder_thread_ends_the_recording_and_releases_memory() {
    let reference = tempfile::tempdir().unwrap();
    let recorder = start(reference.path(), UNLIMITED, &Drops::default(), Box::new(Disk));
    (0..2).for_each(|i| recorder.push(synced(i, 0)));
    let pair = recorder.finish().bytes;
    // Space for one and a half pairs: the second one waits until the first is written.
    for (on_write, free) in [(true, pair * 3 / 2), (true, 1 << 40), (false, 1 << 40)] {
        let folder = tempfile::tempdir().unwrap();
        let drops = Drops::default();
        let store = Box::new(Panicking { free, on_write, requests: AtomicU64::new(0) });
        let recorder = start(folder.path(), UNLIMITED, &drops, store);
        (0..12).for_each(|i| recorder.push(synced(i, 0)));
        let until = Instant::now() + Duration::from_secs(10);
        while recorder.progress().ending.is_none() {
            assert!(Instant::now() < until, "still recording: {:?}", recorder.progress());
            std::thread::sleep(Duration::from_millis(5));
        }
        let progress = recorder.finish();
        let failed =
            |e: &StopReason| matches!(e, StopReason::Failed(why) if why.contains("on purpose"));
        assert!(progress.ending.as_ref().is_some_and(failed), "{progress:?}");
        assert_eq!((progress.pairs, progress.waiting), (0, 0));
        assert!(progress.lost >= 2, "{progress:?}");
        assert_eq!(drops.get(DropCause::Disk, DropUnit::Frames), progress.lost);
        let manifest = Manifest::read(folder.path()).unwrap();
        assert!(manifest.progress.ending.as_ref().is_some_and(failed), "{manifest:?}");
    }
}

#[test]
fn frames_that_are_lost_because_of_a_slow_disk_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let settings = RecordSettings { queue: 4, ..UNLIMITED };
    let slow = FakeDisk::new(1 << 40, u64::MAX, Duration::from_millis(30));
    let recorder = start(folder.path(), settings, &drops, slow);
    (0..40).for_each(|i| recorder.push(synced(i, 0)));
    let until = Instant::now() + Duration::from_secs(5);
    while recorder.progress().waiting > 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The recording continues, with a warning.
    (40..44).for_each(|i| recorder.push(synced(i, 0)));
    let progress = recorder.finish();
    assert!(progress.lost > 15, "{progress:?}");
    assert!(progress.warning.is_some_and(|w| w.contains("too slow") && w.contains("lost")));
    assert_eq!(drops.get(DropCause::Disk, DropUnit::Frames), progress.lost);
    assert_eq!(progress.exposures + progress.lost, 44);
    assert_eq!(2 * progress.pairs + progress.unpaired, progress.exposures);
    assert_eq!(progress.waiting, 0);
    let manifest = Manifest::read(folder.path()).unwrap();
    assert!(manifest.drops.iter().any(|d| d.cause == "disk" && d.count == progress.lost));
}

#[test]
fn frames_beyond_the_requested_number_are_no_losses() {
    let folder = tempfile::tempdir().unwrap();
    let drops = Drops::default();
    let settings = RecordSettings { frames: Some(8), queue: 8, ..UNLIMITED };
    let slow = FakeDisk::new(1 << 40, u64::MAX, Duration::from_millis(30));
    let recorder = start(folder.path(), settings, &drops, slow);
    // All that is needed has room in the queue; of the others most have not.
    (0..60).for_each(|i| recorder.push(synced(i, 0)));
    let progress = recorder.finish();
    assert_eq!(progress.ending, Some(StopReason::Complete));
    assert_eq!((progress.pairs, progress.lost), (4, 0), "{progress:?}");
    assert_eq!(drops.get(DropCause::Disk, DropUnit::Frames), 0);
}

#[test]
fn the_memory_of_waiting_exposures_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let one = synced(0, 0);
    let bytes = one.frame.picture.data().len() + one.events.len() * size_of::<Event>();
    let settings = RecordSettings { queue_bytes: 4 * bytes as u64 * 2, ..UNLIMITED };
    let slow = FakeDisk::new(1 << 40, u64::MAX, Duration::from_millis(20));
    let recorder = start(folder.path(), settings, &Drops::default(), slow);
    for i in 0..60 {
        recorder.push(synced(i, 0));
        assert!(recorder.progress().waiting <= 8);
    }
    let progress = recorder.finish();
    assert!(progress.lost > 0 && progress.pairs > 0, "{progress:?}");
}

#[test]
fn a_full_disk_and_a_folder_with_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = RecordSettings { reserve_bytes: u64::MAX, ..UNLIMITED };
    let start_with = |settings| {
        let session = SessionInfo::default();
        Recorder::start(folder.path(), session, settings, Drops::default(), Box::new(Disk))
    };
    assert!(matches!(start_with(settings), Err(RecordError::Full { .. })));
    std::fs::write(folder.path().join("something"), b"").unwrap();
    assert!(matches!(start_with(UNLIMITED), Err(RecordError::NotEmpty(..))));
}
