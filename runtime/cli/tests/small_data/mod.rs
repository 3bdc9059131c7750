//! A data set in the format of Fashion-MNIST that is learnt in a second, and a recipe for it.

use crate::command::Folder;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::Path;

/// Numbers that look random and are the same everywhere.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }
}

fn idx(path: &Path, kind: &[u8], shape: &[u32], data: &[u8]) {
    let mut bytes = kind.to_vec();
    shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
    bytes.extend(data);
    let mut out = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    out.write_all(&bytes).unwrap();
    out.finish().unwrap();
}

/// Images of ten classes: a bright bar at a height that tells the class, over noise.
fn data(folder: &Path) {
    let mut numbers = Numbers(7);
    for (name, count) in [("train", 600u32), ("t10k", 100)] {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for i in 0..count {
            let class = i % 10;
            labels.push(class as u8);
            for row in 0..28 {
                let bar = row / 2 == class + 2;
                images.extend((0..28).map(|_| numbers.below(120) as u8 + if bar { 100 } else { 0 }));
            }
        }
        idx(&folder.join(format!("{name}-images-idx3-ubyte.gz")), &[0, 0, 8, 3], &[count, 28, 28], &images);
        idx(&folder.join(format!("{name}-labels-idx1-ubyte.gz")), &[0, 0, 8, 1], &[count], &labels);
    }
}

/// A recipe for it: `small.toml`.
pub(crate) const RECIPE: &str = r#"
name = "small"
[data]
name = "fashion-mnist"
held_out = 100
[model]
kind = "mlp"
hidden = [32]
dropout = 0.1
[optimizer]
kind = "adamw"
learning_rate = 1e-2
[schedule]
kind = "cosine"
warmup = 5
[training]
epochs = 4
batch_size = 25
"#;

/// A folder with the data and the recipe.
pub(crate) fn prepare() -> Folder {
    let folder = Folder::new();
    data(folder.path());
    std::fs::write(folder.path().join("small.toml"), RECIPE).unwrap();
    folder
}
