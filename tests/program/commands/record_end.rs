//! What `record` reports at its end.

use super::*;

#[test]
fn what_is_played_after_the_last_frame_is_not_lost() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for i in 0..20 {
        pair().write(&here.join(format!("played/{i:02}.npz"))).unwrap();
    }
    // The end falls between two packets of the source in some runs.
    for run in 0..6 {
        let text = succeeds(here, &format!("record --source replay:played --frames 4 --out {run}"));
        assert!(text.contains("2 pairs from 4 exposures"), "{text}");
        assert!(text.contains("nothing lost"), "{text}");
    }
}
