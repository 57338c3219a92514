#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

const SECOND: i64 = 1_000_000;

fn frames(stamps: &[i64]) -> Vec<(PathBuf, FrameTime)> {
    let time = |stamp_us: i64| FrameTime {
        name: None,
        stamp_us,
        end_us: Some(stamp_us + 1000),
        exposure_us: None,
    };
    stamps.iter().map(|t| (PathBuf::from("a.png"), time(*t))).collect()
}

fn events(times: &[i64]) -> Vec<Event> {
    times.iter().map(|t_us| Event { t_us: *t_us, x: 0, y: 0, polarity: true }).collect()
}

/// Times of frames, times of events, and the frames that begin an epoch.
type Joined = (Vec<i64>, Vec<i64>, Vec<usize>);

fn joined(stamps: &[i64], times: &[i64]) -> Result<Joined, String> {
    let (mut frames, mut events) = (frames(stamps), events(times));
    let begins = join(&mut frames, &mut events, 0)?;
    let stamps = frames.iter().map(|(_, time)| {
        assert_eq!(time.end_us, Some(time.stamp_us + 1000));
        time.stamp_us
    });
    Ok((stamps.collect(), events.iter().map(|e| e.t_us).collect(), begins))
}

#[test]
fn times_after_a_reset_are_moved_behind_the_others() {
    let (stamps, times, begins) = joined(
        &[5 * SECOND, 6 * SECOND, 100, 2 * SECOND],
        &[5 * SECOND, 6 * SECOND + 500, 50, 60, 2 * SECOND],
    )
    .unwrap();
    // Behind the end of the second exposure.
    let shift = 6 * SECOND + 1000 + GAP_US - 50;
    assert_eq!(stamps, [5 * SECOND, 6 * SECOND, 100 + shift, 2 * SECOND + shift]);
    assert_eq!(times, [5 * SECOND, 6 * SECOND + 500, 50 + shift, 60 + shift, 2 * SECOND + shift]);
    assert_eq!(begins, [2]);
}

#[test]
fn late_or_damaged_times_and_unsorted_lists_are_no_reset() {
    let rising = [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND];
    let damaged = [SECOND, 2 * SECOND, 900 * SECOND, 3 * SECOND, 0, 4 * SECOND, 5 * SECOND];
    let late = [SECOND, 2 * SECOND, 2 * SECOND - 500, 3 * SECOND];
    // First all ON, then all OFF.
    let halves = [4 * SECOND, 5 * SECOND, SECOND, 2 * SECOND];
    assert_eq!(falls(4, |at| halves.get(at).copied()), [2]);
    for times in [&rising[..], &damaged, &late] {
        assert_eq!(falls(times.len(), |at| times.get(at).copied()), Vec::<usize>::new());
    }
    for times in [&rising[..], &damaged, &late, &halves] {
        let (stamps, same, begins) = joined(&rising, times).unwrap();
        assert_eq!((stamps.as_slice(), same.as_slice(), begins.len()), (&rising[..], times, 0));
    }
    assert!(joined(&halves, &rising).unwrap().2.is_empty());
    assert!(joined(&[], &halves).unwrap().2.is_empty());
}

#[test]
fn epochs_that_do_not_correspond_are_an_error() {
    let twice = [3 * SECOND, 0, 3 * SECOND, 0];
    let once = [3 * SECOND, 4 * SECOND, 0, SECOND];
    let error = joined(&once, &[9 * SECOND, 9 * SECOND, 3, 4, 9 * SECOND, 9 * SECOND, 3, 4]);
    let error = error.unwrap_err();
    assert!(error.contains("frames fall 1 times") && error.contains("events 2 times"), "{error}");
    assert!(error.contains("split the recording"), "{error}");
    // As often, but elsewhere.
    let error = joined(&once, &[4 * SECOND, 4 * SECOND, 2 * SECOND, 2 * SECOND]).unwrap_err();
    assert!(error.contains("from 2000000 to 2000000 us meet frames"), "{error}");
    // Single times that fall are damaged.
    assert!(joined(&twice, &twice).unwrap().2.is_empty());
}

#[test]
fn no_pair_has_frames_of_two_epochs() {
    let info = |name: &str, at: usize| {
        (FrameInfo { name: name.into(), exposure_us: [at as i64, at as i64 + 1] }, at)
    };
    let frames = ["a", "b", "c", "d", "e"].into_iter().enumerate();
    let frames: Vec<_> = frames.map(|(at, name)| info(name, at)).collect();
    let names = |begins: &[usize]| {
        let mut skipped = Vec::new();
        let kept = paired(&frames, begins, &mut skipped);
        (kept.into_iter().map(|(frame, _)| frame.name).collect::<String>(), skipped.len())
    };
    assert_eq!(names(&[]), ("abcde".to_owned(), 0));
    assert_eq!(names(&[3]), ("abde".to_owned(), 1));
    assert_eq!(names(&[2]), ("abcde".to_owned(), 0));
}
