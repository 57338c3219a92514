//! Corners of a chessboard that are neighbours.

use crate::rig::align::corners::{Corner, wrap_angle};
use std::collections::{BTreeMap, VecDeque};

/// The corner at the other end of an edge, and the index of its edge that leads back.
pub(super) fn link(corners: &[Corner], from: usize, edge: usize) -> Option<(usize, usize)> {
    let ahead = toward(corners, from, edge)?;
    let back = toward(corners, ahead.0, ahead.1)?;
    (back.0 == from).then_some(ahead)
}

/// The nearest corner along an edge that has the same squares on both sides.
fn toward(corners: &[Corner], from: usize, edge: usize) -> Option<(usize, usize)> {
    let here = corners.get(from)?;
    let angle = *here.edges.get(edge)?;
    let (ux, uy) = (angle.cos(), angle.sin());
    let bright = here.bright_after(edge);
    let mut best: Option<(f64, usize, usize)> = None;
    for (i, there) in corners.iter().enumerate() {
        let (dx, dy) = (there.x - here.x, there.y - here.y);
        let along = dx * ux + dy * uy;
        if i == from || along <= 0.0 || (dx * uy - dy * ux).abs() > 0.3 * along {
            continue;
        }
        if best.is_some_and(|b| b.0 <= along) {
            continue;
        }
        let leads_back = |k: &usize| {
            let back = there.edges.get(*k).copied().unwrap_or(f64::NAN);
            wrap_angle(back - dy.atan2(dx) - std::f64::consts::PI).abs() < 0.5
                && there.bright_after(*k) != bright
        };
        if let Some(back) = (0..4).find(leads_back) {
            best = Some((along, i, back));
        }
    }
    best.map(|(_, i, back)| (i, back))
}

/// Labels all corners that are connected to `seed` with their column and row.
pub(super) fn spread(
    links: &[[Option<(usize, usize)>; 4]],
    seed: usize,
    seen: &mut [bool],
) -> BTreeMap<(i32, i32), usize> {
    let mut labels = BTreeMap::from([((0, 0), seed)]);
    // A corner, its label, and the rotation of its edges relative to those of the seed.
    let mut queue = VecDeque::from([(seed, (0, 0), 0_usize)]);
    if let Some(s) = seen.get_mut(seed) {
        *s = true;
    }
    while let Some((corner, (u, v), turned)) = queue.pop_front() {
        let Some(edges) = links.get(corner) else { continue };
        for (edge, there) in edges.iter().enumerate() {
            let Some((next, back)) = *there else { continue };
            let step = (edge + turned) % 4;
            let (du, dv) =
                [(1, 0), (0, 1), (-1, 0), (0, -1)].get(step).copied().unwrap_or_default();
            let Some(known) = seen.get_mut(next) else { continue };
            if *known {
                continue;
            }
            *known = true;
            let label = (u + du, v + dv);
            labels.entry(label).or_insert(next);
            // The edge that leads back points against the step.
            queue.push_back((next, label, (step + 2 + 4 - back) % 4));
        }
    }
    labels
}
