"""first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("first_start_at", sa.String(length=32), nullable=False),
        sa.Column("live_since", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mailboxes")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mailbox", sa.String(length=40), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("place_folder", sa.Text(), nullable=True),
        sa.Column("place_uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("place_uid", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("seen_at", sa.String(length=32), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("thread_key", sa.String(length=64), nullable=True),
        sa.Column("ticket", sa.String(length=16), nullable=True),
        sa.Column("decision", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "mailbox", "folder", "uidvalidity", "uid", name=op.f("uq_messages_mailbox_folder_uidvalidity_uid")
        ),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_fingerprint"), ["fingerprint"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_state"), ["state"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_messages_thread_key_received_at"), ["thread_key", "received_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_messages_ticket"), ["ticket"], unique=False)

    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("set_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "thread_ids",
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("ticket", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "ticket", name=op.f("pk_thread_ids")),
    )
    op.create_table(
        "tickets",
        sa.Column("ticket", sa.String(length=16), nullable=False),
        sa.Column("mailbox", sa.String(length=40), nullable=False),
        sa.Column("team", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("priority", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.String(length=32), nullable=True),
        sa.Column("promise", sa.JSON(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("last_reply_at", sa.String(length=32), nullable=True),
        sa.Column("first_response_at", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_tickets")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tickets_opened_at"), ["opened_at"], unique=False)

    op.create_table(
        "effects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("recipient_domain", sa.Text(), nullable=True),
        sa.Column("envelope_sender", sa.Text(), nullable=False),
        sa.Column("outbound_id", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("born_at", sa.String(length=32), nullable=False),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        sa.Column("next_try_at", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_effects_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_effects")),
        sa.UniqueConstraint("key", name=op.f("uq_effects_key")),
    )
    with op.batch_alter_table("effects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_effects_kind_born_at"), ["kind", "born_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_effects_kind_recipient_born_at"), ["kind", "recipient", "born_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_effects_kind_recipient_domain_born_at"),
            ["kind", "recipient_domain", "born_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_effects_message"), ["message"], unique=False)
        batch_op.create_index(batch_op.f("ix_effects_outbound_id"), ["outbound_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_effects_state_next_try_at"), ["state", "next_try_at"], unique=False)

    op.create_table(
        "effect_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("effect", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("event", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["effect"], ["effects.id"], name=op.f("fk_effect_events_effect"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_effect_events")),
    )
    with op.batch_alter_table("effect_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_effect_events_effect"), ["effect"], unique=False)
