//! Contrast thresholds that are given or set in the window.

use super::*;
use crate::event::{Contrast, Thresholds};
use crate::sequence::Clip;

fn contrast(w: &Shown) -> Contrast {
    w.state().session.rig_handle.contrast().now()
}

#[test]
fn thresholds_that_are_set_hold_for_this_source_and_given_ones_for_all() {
    let mut w = shown_at(window(&Script::default()), 1240.0, 900.0);
    press(&mut w, Key::I);
    click(&mut w, "Set manually");
    assert_eq!(contrast(&w), Contrast::set(Thresholds::DEFAULT));
    w.state_mut().open(SourceName::clip().into());
    until(&mut w, "the clip", |w| !w.session.opening() && w.player.latest.is_some());
    w.run_steps(2);
    assert_eq!(contrast(&w), Contrast::known(Clip::THRESHOLDS));
    let given = Thresholds::both(0.35);
    w.state_mut().player.given_thresholds = Some(given);
    w.run_steps(2);
    assert_eq!(contrast(&w), Contrast::set(given));
    click(&mut w, "Set manually");
    assert_eq!(contrast(&w), Contrast::known(Clip::THRESHOLDS));
    assert_eq!(w.state().player.given_thresholds, None);
}
