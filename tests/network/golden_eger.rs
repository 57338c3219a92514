//! EGER against counts that PyTorch made.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers too")]

use crate::common::golden;
use gem_live::event::{CHANNELS, Event, eger};
use gem_live::formats::npz::Npz;
use gem_live::time::TimeRange;

#[test]
fn counts_equal_the_reference_exactly() {
    for case in 0..4 {
        let bytes = golden(&format!("eger_{case}.npz"));
        let mut npz = Npz::new(&bytes).unwrap();
        let mut get = |name: &str| npz.get(name, 1 << 28).unwrap().unwrap();
        let mut column = |name: &str| get(name).integers().unwrap();
        let (x, y, t, p) = (column("x"), column("y"), column("t"), column("p"));
        let roi: [i64; 4] = column("roi").try_into().unwrap();
        let [top, left, height, width] = roi;
        let span = |v: Vec<f64>| TimeRange::new(v[0], v[1]);
        let (exposure, target) =
            (span(get("span").floats().unwrap()), span(get("target").floats().unwrap()));
        let events: Vec<Event> = (0..x.len())
            .filter(|i| {
                (top..top + height).contains(&y[*i]) && (left..left + width).contains(&x[*i])
            })
            .map(|i| Event {
                t_us: t[i],
                x: (x[i] - left) as u16,
                y: (y[i] - top) as u16,
                polarity: p[i] == 1,
            })
            .collect();
        assert!(!events.is_empty());
        let (height, width) = (height as usize, width as usize);
        let got = eger(&events, exposure, target, height, width).unwrap();
        let want = get("eger");
        assert_eq!(want.shape, [CHANNELS, height, width]);
        let want: Vec<f32> = want.floats().unwrap().into_iter().map(|v| v as f32).collect();
        assert!(got == want, "case {case} differs");
    }
}
