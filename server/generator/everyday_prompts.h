// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What people ask a model on an ordinary day, and how ordinary texts begin: seeds of
// retention text. They are about as many things as possible, and about nothing that an
// experience is likely to be about.

#ifndef IMPRINT_SERVER_GENERATOR_EVERYDAY_PROMPTS_H_
#define IMPRINT_SERVER_GENERATOR_EVERYDAY_PROMPTS_H_

#include <string_view>

namespace imprint::generator {

inline constexpr std::string_view kEverydayPrompts[] = {
    "How do I boil an egg so that the yolk stays soft?",
    "Explain in simple words why the sky is blue.",
    "Write a short poem about the first snow of the year.",
    "What is the difference between weather and climate?",
    "Give me three ideas for a birthday present for my father.",
    "How can I fall asleep faster at night?",
    "What does a mortgage broker do?",
    "Write a Python function that reverses a list.",
    "Translate 'Where is the train station?' into French.",
    "How many days are there in a leap year?",
    "Write a polite email asking for a day off next Friday.",
    "What should I pack for a weekend in the mountains?",
    "Tell me a joke about a cat and a computer.",
    "Why do leaves change colour in autumn?",
    "What is 15 percent of 240?",
    "Summarize the story of Romeo and Juliet in two sentences.",
    "How do I remove a coffee stain from a white shirt?",
    "What are the benefits of regular exercise?",
    "Who painted the Mona Lisa?",
    "Explain how a bicycle stays upright.",
    "Name five countries in South America.",
    "How do I start learning to play the guitar?",
    "What is the capital of Australia?",
    "Write a haiku about the sea.",
    "What is the difference between a virus and a bacterium?",
    "How often should I water a cactus?",
    "Give me a recipe for pancakes for two people.",
    "What does HTTP stand for, and what is it used for?",
    "How do vaccines work?",
    "Suggest a name for a small bakery.",
    "What is a good way to save money each month?",
    "Why does ice float on water?",
    "Write the opening line of a detective story.",
    "How do I change a flat tyre?",
    "What were the main causes of the First World War?",
    "Explain what a variable is to someone who never programmed.",
    "How far is the moon from the earth?",
    "What can I cook with rice, tomatoes and eggs?",
    "Give me some advice for a job interview.",
    "What is the plural of 'mouse', and why is it irregular?",
    "How does a refrigerator keep food cold?",
    "Write a SQL query that counts the rows of a table.",
    "What is photosynthesis?",
    "How do I teach my dog to sit?",
    "Describe a quiet morning in a village by the sea.",
    "What is the boiling point of water in Fahrenheit?",
    "Why is it important to read books to children?",
    "List three common kinds of renewable energy.",
};

inline constexpr std::string_view kPlainOpenings[] = {
    "The",
    "In the",
    "When",
    "It was",
    "Most people",
    "Although",
    "A recent study",
    "The history of",
    "Once upon a time",
    "There are several",
    "According to",
    "During the",
    "For many years,",
    "She",
    "The first step",
    "Scientists",
    "If you",
    "Water",
    "Music",
    "The company",
    "He said",
    "Children",
    "Modern",
    "In this chapter,",
};

}  // namespace imprint::generator

#endif  // IMPRINT_SERVER_GENERATOR_EVERYDAY_PROMPTS_H_
