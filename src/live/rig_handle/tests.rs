#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::event::{Contrast, EventBuffer, Thresholds};
use crate::image::{ImageU8, Size};
use crate::rig::sync::TimedFrame;
use crate::time::Timestamp;
use crossbeam_channel::{Receiver, Sender, bounded};

/// A disk that reports when its free space is requested, and blocks until it may answer.
struct BlockedDisk {
    asked: Sender<()>,
    answer: Receiver<()>,
}

impl Store for BlockedDisk {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        let _ = self.asked.try_send(());
        let _ = self.answer.recv();
        Ok(u64::MAX)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        Disk.write(path, bytes)
    }
}

fn synced() -> Arc<SyncedExposure> {
    let (start, end) = (Timestamp::from_us(0), Timestamp::from_us(1000));
    let picture = ImageU8::new(1, Size::new(2, 2), vec![0; 4]).unwrap();
    let arrived = Timestamp::now();
    let (epoch, sequence, truth, contrast) = (0, 0, None, None);
    let frame = TimedFrame { epoch, sequence, start, end, arrived, picture, truth, contrast };
    Arc::new(SyncedExposure {
        frame,
        index: 0,
        events: EventBuffer::default(),
        from: start,
        missing: Vec::new(),
        lossy: false,
        frames_missing: 0,
        sensor: Size::new(2, 2),
    })
}

#[test]
fn known_thresholds_of_a_file_hold_for_its_exposures_alone() {
    let handle = RigHandle::default();
    let contrast = handle.contrast();
    let known = Contrast::known(Thresholds { on: 0.4, off: 0.3 });
    let (without, mut with) = (synced(), synced());
    Arc::get_mut(&mut with).unwrap().frame.contrast = Some(known);
    handle.push(&with);
    assert_eq!((contrast.now(), contrast.of(&with)), (known, known));
    // A recording of several files is not all made with them.
    let unknown = Contrast::default();
    assert_eq!((contrast.of(&without), contrast.of_source()), (unknown, unknown));
    let by_hand = Contrast::set(Thresholds::both(0.15));
    contrast.set(Some(by_hand.thresholds));
    assert_eq!((contrast.now(), contrast.of(&with)), (by_hand, by_hand));
    contrast.set(None);
    handle.push(&without);
    assert_eq!((contrast.now(), contrast.of(&with)), (unknown, known));
}

#[test]
fn exposures_continue_while_a_recording_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let handle = RigHandle::default();
    handle.enable();
    let (asked, is_asked) = bounded(1);
    let (may_answer, answer) = bounded::<()>(0);
    let (starting, to) = (handle.clone(), folder.path().to_owned());
    let started = std::thread::spawn(move || {
        let store = Box::new(BlockedDisk { asked, answer });
        starting.record_to(&to, SessionInfo::default(), RecordSettings::default(), store)
    });
    is_asked.recv().unwrap();
    let (pushed, is_pushed) = bounded(1);
    let pushing = handle.clone();
    let push = std::thread::spawn(move || {
        pushing.push(&synced());
        let _ = pushed.send(pushing.progress().is_none());
    });
    let continued = is_pushed.recv_timeout(Duration::from_secs(10));
    drop(may_answer);
    started.join().unwrap().unwrap();
    push.join().unwrap();
    assert_eq!(continued, Ok(true), "the rig's thread waits for the disk");
    assert!(handle.stop().is_some());
}
