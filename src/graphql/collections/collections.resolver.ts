import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, FieldResolver, ID, Info, Int, Mutation, Query, Resolver, Root } from "type-graphql";
import { checkCount } from "../checks.js";
import { Context } from "../context.js";
import { ImageItemInput, ImageQueryInput, MetadataFilterInput, TextItemInput } from "./collections.input.js";
import { inPlace, listItems, searchImages, toCollection, toFilter } from "./collections.service.js";
import {
  Collection,
  CollectionItemConnection,
  CollectionKind,
  ImageHitConnection,
  UpsertedItem,
} from "./collections.type.js";
import { selects } from "./selection.js";

const IN_PLACE = "In order; a bad item is null with an error at its place, and its neighbors are stored.";

@Resolver(() => Collection)
export class CollectionsResolver {
  @Query(() => [Collection], { description: "All collections, in the order of their ids." })
  async collections(@Ctx() context: Context): Promise<Collection[]> {
    const list = await context.collections.list();
    return list.map((info) => toCollection(info, context));
  }

  @Query(() => Collection, { nullable: true, description: "Null where there is none of this id." })
  async collection(@Ctx() context: Context, @Arg("id", () => ID) id: string): Promise<Collection | null> {
    const info = await context.collections.find(id);
    return info ? toCollection(info, context) : null;
  }

  @FieldResolver(() => Int, { description: "Items that pass the filters, which must all hold." })
  count(
    @Ctx() context: Context,
    @Root() { info }: Collection,
    @Arg("metadata", () => [MetadataFilterInput], { nullable: true }) metadata?: MetadataFilterInput[] | null,
  ): Promise<number> {
    const { collections, signal, turns } = context;
    return turns(() => collections.count(info, toFilter(metadata), { signal }));
  }

  @FieldResolver(() => CollectionItemConnection)
  items(
    @Ctx() context: Context,
    @Root() collection: Collection,
    @Arg("first", () => Int, { nullable: true, defaultValue: 100 }) first: number,
    @Arg("after", () => String, { nullable: true }) after?: string | null,
    @Arg("metadata", () => [MetadataFilterInput], { nullable: true }) metadata?: MetadataFilterInput[] | null,
  ): Promise<CollectionItemConnection> {
    return listItems(collection, { first, after, filter: toFilter(metadata) }, context);
  }

  @Query(() => ImageHitConnection, {
    nullable: true,
    description: "Pictures of a collection by cosine to a picture, a text, or both; exact.",
  })
  searchImages(
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
    @Arg("collection", () => ID) collection: string,
    @Arg("query", () => ImageQueryInput) query: ImageQueryInput,
    @Arg("first", () => Int, { nullable: true, defaultValue: 10 }) first: number,
    @Arg("after", () => String, { nullable: true }) after?: string | null,
  ): Promise<ImageHitConnection> {
    return searchImages(collection, query, { first, after }, selects(info, "thumbnail"), context);
  }

  @Mutation(() => Collection, {
    nullable: true,
    description: "Makes an empty collection for the served model. Its id is 1 to 64 of a-z, 0-9, _ and -.",
  })
  async createCollection(
    @Ctx() context: Context,
    @Arg("id", () => ID) id: string,
    @Arg("kind", () => CollectionKind) kind: CollectionKind,
  ): Promise<Collection> {
    return toCollection(await context.collections.create(id, kind), context);
  }

  @Mutation(() => Boolean, { nullable: true, description: "Deletes a collection with all of its items." })
  async deleteCollection(@Ctx() context: Context, @Arg("id", () => ID) id: string): Promise<boolean> {
    await context.collections.delete(id);
    return true;
  }

  @Mutation(() => [UpsertedItem], {
    nullable: "itemsAndList",
    description: `Inserts texts, or replaces those of the same id. ${IN_PLACE}`,
  })
  upsertTexts(
    @Ctx() context: Context,
    @Arg("collection", () => ID) collection: string,
    @Arg("items", () => [TextItemInput]) items: TextItemInput[],
  ): Promise<Promise<UpsertedItem>[]> {
    checkCount(items, "items", context);
    const { collections, signal } = context;
    return inPlace(items, collections.upsertTexts(collection, items.map(plain), { signal }));
  }

  @Mutation(() => [UpsertedItem], {
    nullable: "itemsAndList",
    description: `Inserts pictures, or replaces those of the same id. ${IN_PLACE}`,
  })
  upsertImages(
    @Ctx() context: Context,
    @Arg("collection", () => ID) collection: string,
    @Arg("items", () => [ImageItemInput]) items: ImageItemInput[],
  ): Promise<Promise<UpsertedItem>[]> {
    checkCount(items, "items", context);
    const { collections, signal } = context;
    return inPlace(items, collections.upsertImages(collection, items.map(plain), { signal }));
  }

  @Mutation(() => Int, { nullable: true, description: "Deletes items; answers how many there were." })
  deleteItems(
    @Ctx() context: Context,
    @Arg("collection", () => ID) collection: string,
    @Arg("ids", () => [ID]) ids: string[],
  ): Promise<number> {
    checkCount(ids, "ids", context);
    return context.collections.deleteItems(collection, ids);
  }
}

/** An absent list is no list: null is GraphQL's word only. */
function plain<Item extends { metadata?: { key: string; value: string }[] | null }>(item: Item) {
  return { ...item, metadata: item.metadata ?? [] };
}
