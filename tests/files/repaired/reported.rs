//! Files that users have reported.

use crate::common::shared;
use gem_live::sequence::{Pair, ReadOptions, Repair};

#[test]
#[ignore = "needs ../shared/cases: recordings that other programs have written, 3 MB"]
fn shared_the_reported_files_are_read_as_the_plain_one() {
    let cases = shared("cases");
    let plain = Pair::read(&cases.join("npz-events-of-another-clock/plain.npz")).unwrap();
    let sorted = |pair: &Pair| {
        let mut keys: Vec<_> = pair.events.iter().map(|e| (e.t_us, e.x, e.y, e.polarity)).collect();
        keys.sort_unstable();
        keys
    };
    for (file, repair, count) in [
        ("npz-events-not-a-dictionary/ev_matrix.npz", Repair::Matrix, 9033),
        ("npz-events-not-a-dictionary/ev_structured.npz", Repair::Records, 9033),
        ("npz-events-not-a-dictionary/ev_structured_aedat.npz", Repair::Records, 9033),
        ("npz-images-not-bytes/im_float01.npz", Repair::UnitRange, 2),
        ("npz-images-not-bytes/im_int64.npz", Repair::WideImage, 2),
        ("npz-images-not-bytes/im_uint16_12bit.npz", Repair::DeepImage, 2),
        ("npz-not-an-archive/zip_bzip2.npz", Repair::Folder, 0),
        ("npz-not-an-archive/zip_in_folder.npz", Repair::Folder, 1),
        ("npz-objects-beside-events/ev_datetime.npz", Repair::FractionalTime, 0),
        ("npz-objects-beside-events/ev_extra_date.npz", Repair::Outside, 0),
        ("npz-objects-beside-events/ev_extra_path.npz", Repair::Outside, 0),
        ("npz-objects-beside-events/ev_list_npscalars.npz", Repair::Outside, 0),
        ("npz-read-by-the-authors-refused-here/ev_fraction_xy.npz", Repair::FractionalPlace, 9033),
        ("npz-read-by-the-authors-refused-here/scale_missing.npz", Repair::ScaleFactor, 1),
        (
            "npz-read-by-the-authors-refused-here/t_exposure_half_us.npz",
            Repair::FractionalExposure,
            1,
        ),
    ] {
        let (pair, repairs) = Pair::read_with_repairs(&cases.join(file), &ReadOptions::default())
            .unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!((pair == plain, repairs.count(repair)), (true, count), "{file}: {repairs}");
        assert!(repairs.iter().count() <= 1, "{file}: {repairs}");
    }
    for (file, repair) in [
        ("npz-read-by-the-authors-refused-here/t_polarity_sorted.npz", Repair::Unordered),
        ("npz-read-by-the-authors-refused-here/t_unsorted.npz", Repair::Unordered),
        ("npz-objects-beside-events/ev_uint8_minus_one.npz", Repair::WrappedPolarity),
    ] {
        let (pair, repairs) =
            Pair::read_with_repairs(&cases.join(file), &ReadOptions::default()).unwrap();
        assert!(pair.events.is_sorted_by_key(|e| e.t_us), "{file}");
        assert_eq!(sorted(&pair), sorted(&plain), "{file}");
        assert!(repairs.count(repair) > 0, "{file}: {repairs}");
    }
    let file = "npz-read-by-the-authors-refused-here/ev_outside_few.npz";
    let (pair, repairs) =
        Pair::read_with_repairs(&cases.join(file), &ReadOptions::default()).unwrap();
    assert_eq!((repairs.count(Repair::Outside), pair.events.len()), (10, 9023));
    let (pair, _) = Pair::read_with_repairs(
        &cases.join("npz-images-not-bytes/im_float255.npz"),
        &ReadOptions::default(),
    )
    .unwrap();
    let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 1;
    assert!(!pair.frames[0].data().iter().zip(plain.frames[0].data()).any(differs));
}
