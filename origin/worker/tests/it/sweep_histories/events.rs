use proptest::prelude::*;

/// Something that happens; numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A ticket, its file and its completion, with no pause between them.
    Arrive(u8),
    /// The same, made and shown by a profile or a post.
    Appear(u8),
    /// A maker is stopped over a picture, whose owner is erased before it goes on.
    Haunt(u8),
    Ticket(u8),
    Put(u8),
    Complete(u8),
    Make(u8),
    /// The maker's last act, deleting the staged file, fails.
    MakeAndLeave(u8),
    /// The maker is killed before it has stored anything, and perhaps wakes up later.
    BeginMaking(u8),
    /// A maker who is late, perhaps by months, stores the picture and is killed.
    StoreLate(u8),
    Fail(u8),
    Reject(u8),
    /// Moderation removes it, and is killed before it deletes.
    Remove(u8),
    Abandon(u8),
    Show(u8),
    Clear(u8),
    Post(u8),
    DeletePost(u8),
    RemovePost(u8),
    Stray,
    /// An owner deletes the account, and it is erased when its time is over.
    Erase(u8),
    Minutes(u8),
    Hours(u8),
    Days(u8),
    /// Old rows are deleted.
    Prune,
    Sweep,
    /// The store refuses to delete.
    SweepInVain,
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    use Event::{
        Abandon, Appear, Arrive, BeginMaking, Clear, Complete, Days, DeletePost, Erase, Fail,
        Haunt, Hours, Make, MakeAndLeave, Minutes, Post, Prune, Put, Reject, Remove, RemovePost,
        Show, StoreLate, Stray, Sweep, SweepInVain, Ticket,
    };
    let n = any::<u8>;
    let uploading = prop_oneof![
        2 => n().prop_map(Ticket), 2 => n().prop_map(Put), 2 => n().prop_map(Complete),
        4 => n().prop_map(Arrive), 3 => n().prop_map(Appear), 2 => n().prop_map(Make),
        1 => n().prop_map(MakeAndLeave), 4 => n().prop_map(BeginMaking), 4 => n().prop_map(StoreLate),
    ];
    let ending = prop_oneof![
        n().prop_map(Fail),
        n().prop_map(Reject),
        n().prop_map(Remove),
        n().prop_map(Abandon),
        n().prop_map(Erase),
        n().prop_map(Haunt),
        n().prop_map(Haunt),
    ];
    let showing = prop_oneof![
        4 => n().prop_map(Show), 1 => n().prop_map(Clear), 3 => n().prop_map(Post),
        1 => n().prop_map(DeletePost), 1 => n().prop_map(RemovePost),
    ];
    let passing = prop_oneof![
        6 => (1_u8..40).prop_map(Minutes), 4 => (1_u8..30).prop_map(Hours), 6 => Just(Sweep),
        2 => Just(SweepInVain), 2 => Just(Stray), 1 => (1_u8..40).prop_map(Days), 1 => Just(Prune),
    ];
    prop_oneof![8 => uploading, 2 => ending, 4 => showing, 5 => passing]
}
