//! What cannot be translated is an error that says what and where.

use hadal_simt::{Dialect, Error, Options, translate};

fn refusal(source: &str) -> Error {
    translate(source, "main", Dialect::Cuda, &Options::default()).expect_err(source)
}

fn unsupported(source: &str) -> (String, String) {
    match refusal(source) {
        Error::Unsupported { construct, place } => (construct, place),
        other => panic!("{other}\n{source}"),
    }
}

#[test]
fn text_that_is_not_wgsl() {
    assert!(matches!(refusal("fn main( {"), Error::Parse { .. }));
    let error = refusal("@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }");
    assert!(matches!(error, Error::Parse { .. }), "{error}");
}

#[test]
fn a_module_that_is_not_valid() {
    let error = refusal("@compute @workgroup_size(0) fn main() {}");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[test]
fn an_entry_point_that_is_not_there() {
    let error = refusal("@compute @workgroup_size(1) fn other() {}");
    assert_eq!(error, Error::EntryPoint { name: "main".into(), available: vec!["other".into()] });
}

#[test]
fn another_stage() {
    let (construct, place) =
        unsupported("@fragment fn main() -> @location(0) vec4<f32> { return vec4<f32>(); }");
    assert!(construct.contains("Fragment"), "{construct}");
    assert_eq!(place, "`main`");
}

#[test]
fn textures() {
    let (construct, _) = unsupported(
        "@group(0) @binding(0) var t: texture_2d<f32>;
         @group(0) @binding(1) var<storage, read_write> out: array<f32>;
         @compute @workgroup_size(1) fn main() { out[0] = textureLoad(t, vec2<i32>(0, 0), 0).x; }",
    );
    assert_eq!(construct, "a texture");
}

#[test]
fn storage_textures() {
    let (construct, _) = unsupported(
        "@group(0) @binding(0) var t: texture_storage_2d<r32float, write>;
         @compute @workgroup_size(1) fn main() { textureStore(t, vec2<i32>(0, 0), vec4<f32>(1.0)); }",
    );
    assert_eq!(construct, "a texture");
}

#[test]
fn a_texture_that_a_function_takes_is_found_in_it() {
    let (_, place) = unsupported(
        "@group(0) @binding(0) var t: texture_2d<f32>;
         fn size() -> u32 {
             return textureDimensions(t).x;
         }
         @group(0) @binding(1) var<storage, read_write> out: array<u32>;
         @compute @workgroup_size(1) fn main() { out[0] = size(); }",
    );
    assert!(!place.is_empty());
}

#[test]
fn an_override_without_a_value() {
    let error = refusal(
        "override n: u32;
         @group(0) @binding(0) var<storage, read_write> out: array<u32>;
         @compute @workgroup_size(1) fn main() { out[0] = n; }",
    );
    assert!(matches!(error, Error::Override { .. }), "{error}");
}

#[test]
fn what_is_not_reached_is_not_asked_for() {
    let source = "@group(0) @binding(0) var t: texture_2d<f32>;
        fn unused() -> f32 { return textureLoad(t, vec2<i32>(0, 0), 0).x; }
        @group(0) @binding(1) var<storage, read_write> out: array<f32>;
        @compute @workgroup_size(1) fn main() { out[0] = 1.0; }";
    translate(source, "main", Dialect::Cuda, &Options::default()).unwrap();
}
