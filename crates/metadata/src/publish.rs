//! The newest image, for readers; and each change, in order, for those who act on it.
//!
//! Told: an image and its delta, by the one who applies committed facts. First every subscriber has acted on it, in the order
//! in which they subscribed, then readers see it, then the publisher's caller goes on: whoever learns of a new topic finds its
//! partitions ready.

use std::sync::Arc;

use arc_swap::ArcSwap;
use world::exec::Mutex;

use crate::{Delta, Image};

/// Who acts on changes: told the image before, the image after, and the difference. Runs on the controller's thread.
pub type Subscriber = Box<dyn FnMut(&Arc<Image>, &Arc<Image>, &Delta) + Send>;

/// Where the newest image is found.
pub struct Publisher {
    current: ArcSwap<Image>,
    /// Held while a change is published: changes are seen one after the other.
    subscribers: Mutex<Vec<Subscriber>>,
}

impl Publisher {
    /// A publisher of an empty image.
    #[must_use]
    pub fn new() -> Self {
        Self { current: ArcSwap::from_pointee(Image::default()), subscribers: Mutex::default() }
    }

    /// The newest image.
    #[must_use]
    pub fn current(&self) -> Arc<Image> {
        self.current.load_full()
    }

    /// Tells `subscriber` of all changes from now on; first of all that is so already. Not to be called by a subscriber.
    pub fn subscribe(&self, mut subscriber: Subscriber) {
        let mut subscribers = self.subscribers.lock();
        let current = self.current();
        if current.version() >= model::Offset::ZERO {
            subscriber(&Arc::new(Image::default()), &current, &Delta::everything());
        }
        subscribers.push(subscriber);
    }

    /// Publishes `image`, which differs from the one before it by `delta`.
    ///
    /// # Panics
    /// If the image is older than the newest.
    pub fn publish(&self, image: Arc<Image>, delta: &Delta) {
        let mut subscribers = self.subscribers.lock();
        let before = self.current();
        assert!(image.version() >= before.version(), "images are published in order");
        for subscriber in subscribers.iter_mut() {
            subscriber(&before, &image, delta);
        }
        self.current.store(image);
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use model::Offset;

    use super::*;

    #[test]
    fn subscribers_have_acted_before_readers_see_the_image() {
        let publisher = Arc::new(Publisher::new());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (reader, log) = (Arc::downgrade(&publisher), Arc::clone(&seen));
        publisher.subscribe(Box::new(move |old, new, _| {
            let visible = reader.upgrade().unwrap().current().version();
            log.lock().unwrap().push((old.version(), new.version(), visible));
        }));
        let mut image = Image::default();
        image.set_version(Offset(4));
        publisher.publish(Arc::new(image), &Delta::everything());
        assert_eq!(*seen.lock().unwrap(), [(Offset(-1), Offset(4), Offset(-1))]);
        assert_eq!(publisher.current().version(), Offset(4));
    }

    #[test]
    fn who_comes_late_is_told_what_is_so() {
        let publisher = Publisher::new();
        let mut image = Image::default();
        image.set_version(Offset(4));
        publisher.publish(Arc::new(image), &Delta::everything());
        let told = Arc::new(Mutex::new(None));
        let log = Arc::clone(&told);
        publisher.subscribe(Box::new(move |_, new, delta| {
            *log.lock().unwrap() = Some((new.version(), delta.is_everything));
        }));
        assert_eq!(*told.lock().unwrap(), Some((Offset(4), true)));
    }
}
