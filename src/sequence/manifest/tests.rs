use super::*;

#[test]
fn names_of_scenes_fit_file_systems() {
    assert_eq!(file_name(" my desk/2 "), "my_desk_2");
    assert_eq!(file_name("  "), "scene");
    let long = file_name(&"\u{20000}".repeat(64));
    assert_eq!((long.len(), long.chars().count()), (160, 40));
    assert_eq!(file_name(&"a".repeat(100)).len(), 64);
}
