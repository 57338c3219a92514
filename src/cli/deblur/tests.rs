use super::*;

#[test]
fn instants_have_names_of_their_own() {
    let names = |instants: &[f64]| -> Vec<String> {
        instant_names(instants).into_iter().map(|(_, name)| name).collect()
    };
    assert_eq!(names(&[0.5, 0.25, 0.5]), ["0.500", "0.250"]);
    assert_eq!(names(&[0.5001, 0.5002, 0.5003]), ["0.5001", "0.5002", "0.5003"]);
    assert_eq!(names(&[0.5, 0.5 + 1e-12]), ["0.500_1", "0.500_2"]);
    for count in [1000, 3000, 65_535] {
        let instants: Vec<f64> =
            (0..count).map(|i| (f64::from(i) + 0.5) / f64::from(count)).collect();
        let different: HashSet<String> = names(&instants).into_iter().collect();
        assert_eq!(different.len(), instants.len());
    }
}

#[test]
fn files_of_one_name_are_distinguished_by_their_folders() {
    let mut taken = HashSet::new();
    let mut name = |p: &str| unique(Path::new(p), &mut taken);
    assert_eq!(name("a/x.npz"), "x");
    assert_eq!(name("b/x.npz"), "b_x");
    assert_eq!(name("c/b/x.npz"), "c_b_x");
    assert_eq!(name("b/x.npz"), "b_x_2");
    assert_eq!(name("d/X.npz"), "d_X");
}
